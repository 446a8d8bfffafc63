// JSON as people read it. Every number and text stays as it is written: JSON.parse would make 55.1 of 55.10.

// Characters that change how other characters are shown: control characters, and marks of the writing direction.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Deeper texts are not laid out: their indents would be longer than they are. */
const DEPTH_MAX = 200;

/** The text with hidden characters as escapes, which mean the same in JSON. */
export function visible(text) {
  return text.replace(HIDDEN, (hidden) => "\\u" + hidden.charCodeAt(0).toString(16).padStart(4, "0"));
}

/**
 * The parts of a JSON text with line breaks and indents: pairs of a kind and a text. The kinds are `name`, `text`, `value` and
 * `sign`. Throws if the text is not JSON, or nested too deeply.
 */
export function laidOut(text) {
  JSON.parse(text);
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[^\s"[\]{},:]+|[[\]{},:]/g) || [];
  const isClosing = (token) => token === "}" || token === "]";
  const parts = [];
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  tokens.forEach((token, at) => {
    if (token === "{" || token === "[") {
      depth += 1;
      if (depth > DEPTH_MAX) throw new Error("the text is nested too deeply");
      parts.push(["sign", isClosing(tokens[at + 1]) ? token : token + line()]);
    } else if (isClosing(token)) {
      depth -= 1;
      const isEmpty = tokens[at - 1] === "{" || tokens[at - 1] === "[";
      parts.push(["sign", isEmpty ? token : line() + token]);
    } else if (token === ",") {
      parts.push(["sign", token + line()]);
    } else if (token === ":") {
      parts.push(["sign", ": "]);
    } else if (token.startsWith('"')) {
      parts.push([tokens[at + 1] === ":" ? "name" : "text", token]);
    } else {
      parts.push(["value", token]);
    }
  });
  return parts;
}
