// Small helpers for building the page. Everything is inserted as text, never as markup.

/** Makes an element. An attribute with the value `true` is set, and one with `false` or `undefined` is left out. */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    made.setAttribute(attribute, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** The parts of a text in which backticks mark code. */
export function coded(text) {
  return text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

/** A path that may break after each slash. */
export function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((part, at) => (at ? [element("wbr", {}), part] : [part]));
}

/** A `<details>` whose content is made when it is opened for the first time. */
export function lazy(attributes, summary, fill) {
  const made = element("details", attributes, element("summary", {}, ...[].concat(summary)));
  let isFilled = false;
  made.fill = () => {
    if (isFilled) return;
    isFilled = true;
    made.append(...fill());
  };
  made.addEventListener("toggle", () => made.open && made.fill());
  return made;
}

/** A badge with the method of a route. */
export function badge(method) {
  return element("span", { class: `method ${method.toLowerCase()}` }, method.toUpperCase());
}

/** Copies a text to the clipboard. Returns whether that worked. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages of plain HTTP have no clipboard object, except those of this machine.
    const area = element("textarea", { readonly: true, class: "offscreen" });
    area.value = text;
    document.body.append(area);
    const focused = document.activeElement;
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return isCopied;
  }
}

/** A button that copies what `text` returns, and says so until the focus moves on. */
export function copyButton(label, text) {
  const button = element("button", { type: "button", class: "quiet" }, label);
  const said = element("span", { role: "status" });
  button.addEventListener("click", async () => {
    said.textContent = "";
    said.textContent = (await copy(text())) ? "Copied" : "Copying is not allowed here";
  });
  button.addEventListener("blur", () => { said.textContent = ""; });
  return element("span", { class: "copy" }, button, said);
}
