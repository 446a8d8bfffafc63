// The response to a request that was sent from the page.

import { copyButton, element } from "./dom.js";
import { laidOut, visible } from "./json.js";
import { key } from "./key.js";
import { send, stopped } from "./request.js";

/** Longest body that is read, in bytes. */
const BODY_BYTES_MAX = 1 << 20;
/** Longest body that is shown with colours, in characters. */
const COLOURED_CHARS_MAX = 100_000;
/** Header fields that a reader looks for. The others are behind a click. */
const TELLING = /^(content-type|location|retry-after|ratelimit.*|wharfinger-.*|idempotent-replayed|x-request-id|allow|www-authenticate)$/;

/** Reads a body up to the limit. Returns its text, and whether that is all. */
async function read(response, onPart) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    const part = value.subarray(0, BODY_BYTES_MAX - bytes);
    bytes += part.length;
    text += decoder.decode(part, { stream: true });
    onPart(text);
    if (bytes >= BODY_BYTES_MAX) {
      await reader.cancel();
      return { text, bytes, isWhole: false };
    }
  }
  return { text: text + decoder.decode(), bytes, isWhole: true };
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** A sentence about a refusal, and where to go on. */
function advice(response, text) {
  const parts = [];
  let problem = {};
  try {
    problem = JSON.parse(text) || {};
  } catch {
    // Other bodies are shown below, as they are.
  }
  if (response.status === 401) {
    const cause = key.secret ? "The server did not accept the API key. Check it in the field " : "The request had no API key. Write one in the field ";
    parts.push(cause, element("a", { href: "#secret" }, "API key"), " at the top of this page. ");
  } else if (response.status === 429 || response.status === 503) {
    const wait = response.headers.get("retry-after");
    parts.push(wait ? `The server asks to wait ${wait} s and to send the request again. ` : "Send the request again a little later. ");
  } else if (typeof problem.detail === "string") {
    parts.push(`${visible(problem.detail)}. `.replace(/\.\. $/, ". "));
  }
  const code = typeof problem.code === "string" && problem.code;
  if (code && document.getElementById(code)?.tagName === "TR") {
    parts.push("More: ", element("a", { href: `#${code}` }, code));
  }
  return parts.length ? [element("p", { class: "advice" }, ...parts)] : [];
}

function list(fields) {
  const rows = fields.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, visible(value))));
  return element("dl", { class: "headers" }, ...rows);
}

function headers(response) {
  const all = [...response.headers];
  const others = all.filter(([name]) => !TELLING.test(name));
  const made = [list(all.filter(([name]) => TELLING.test(name)))];
  if (others.length) made.push(element("details", {}, element("summary", {}, `${others.length} more header fields`), list(others)));
  return made;
}

/** The body as people read it. */
function body(text) {
  const place = element("pre", { tabindex: "0", class: "body", dir: "ltr" });
  let parts = [["sign", text]];
  try {
    parts = laidOut(text);
  } catch {
    // It is shown as it came.
  }
  if (text.length > COLOURED_CHARS_MAX) place.textContent = visible(parts.map(([, part]) => part).join(""));
  else place.append(...parts.map(([kind, part]) => (kind === "sign" ? visible(part) : element("span", { class: kind }, visible(part)))));
  return place;
}

function shown(response, { text, bytes, isWhole }, milliseconds, isStopped) {
  const isGood = response.ok;
  const status = element("strong", { class: isGood ? "good" : "bad" }, `${response.status} ${response.statusText}`.trim());
  const facts = element("span", { class: "facts" }, `${Math.round(milliseconds)} ms, ${size(bytes)}`);
  const line = element("p", { class: "status", role: "status" }, status, " ", facts);
  const notes = isGood ? [] : advice(response, text);
  if (!isWhole) {
    const why = isStopped ? "The response was stopped." : "The response is longer than this page reads.";
    notes.push(element("p", { class: "note" }, `${why} Only its first ${size(bytes)} are shown. Use curl for the rest.`));
  }
  const made = [line, ...notes, ...headers(response)];
  if (text) made.push(body(text), copyButton("Copy the body", () => text));
  return made;
}

function failed(message) {
  return [element("p", { class: "status bad", role: "alert" }, message)];
}

/** Sends a request and shows its response in `place`. */
export async function exchange(place, made, signal) {
  place.hidden = false;
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(element("p", { class: "status", role: "status" }, "Waiting for the response …"));
  const began = performance.now();
  let [response, part] = [null, ""];
  try {
    response = await send(made, key, signal);
    const whole = await read(response, (text) => { part = text; });
    place.replaceChildren(...shown(response, whole, performance.now() - began, false));
  } catch (error) {
    if (response && error.name === "AbortError") {
      const stoppedBody = { text: part, bytes: part.length, isWhole: false };
      place.replaceChildren(...shown(response, stoppedBody, performance.now() - began, true));
    } else if (response) {
      place.replaceChildren(...failed(`The connection broke before the response was complete. ${stopped(made).replace("Stopped. ", "")}`));
    } else {
      place.replaceChildren(...failed(error.message));
    }
  }
  place.removeAttribute("aria-busy");
}
