// The API key: kept in memory only, never in a URL or in storage.

import { element } from "./dom.js";

/** The key as it stands in the field. */
export const key = { id: "", secret: "" };

/** The organisation that forms are filled in with: one that the key reaches. Empty if none is known. */
export const chosen = { organisation: "" };

/** Organisations that a sentence lists. */
const LISTED_MAX = 10;

const listeners = [];

/** Calls `listener` whenever the key or the organisation changes. */
export function onKey(listener) {
  listeners.push(listener);
}

/** The key in a text: a secret, `ID:SECRET`, or the JSON that `key create --json` prints. */
export function parsed(text) {
  const trimmed = text.trim();
  if (trimmed.startsWith("{")) {
    try {
      const { id, secret } = JSON.parse(trimmed);
      if (typeof secret === "string") return { id: String(id ?? ""), secret };
    } catch {
      // It is taken as it is, and the server refuses it.
    }
  }
  const at = trimmed.indexOf(":");
  return at < 0 ? { id: "", secret: trimmed } : { id: trimmed.slice(0, at), secret: trimmed.slice(at + 1) };
}

async function asked(path) {
  const headers = { authorization: `Bearer ${key.secret}` };
  const response = await fetch(path, { headers, credentials: "omit", cache: "no-store" });
  return [response.status, response.ok ? await response.json() : null];
}

/** What the server says about the key: a sentence, and the codes of its organisations. */
async function known() {
  const [status, limits] = await asked("/v1/limits");
  if (status === 401) return ["refused", "The server does not accept this key. It may be wrong, revoked or expired.", []];
  if (status !== 200) return ["unknown", `The server could not say what this key reaches (status ${status}).`, []];
  const codes = limits.organisations || [];
  const scopes = limits.scopes ? ` Scopes: ${limits.scopes.join(", ")}.` : "";
  const others = codes.length > LISTED_MAX ? " and others" : "";
  const listed = codes.slice(0, LISTED_MAX).join(", ") + others;
  const organisations = limits.all_organisations ? "every organisation" : listed || "no organisation";
  return ["accepted", `The server accepts this key. It reaches ${organisations}.${scopes}`, codes];
}

function choose(organisation) {
  chosen.organisation = organisation;
  listeners.forEach((listener) => listener());
}

function show(state, sentence, codes) {
  const place = document.getElementById("key-state");
  place.className = state;
  place.textContent = sentence;
  const options = () => codes.map((code) => element("option", { value: code }, code));
  document.getElementById("organisations").replaceChildren(...options());
  document.getElementById("organisation").replaceChildren(...options());
  document.getElementById("choice").hidden = codes.length < 2;
  choose(codes[0] || "");
}

let checked = "";

async function check() {
  const secret = key.secret;
  if (!secret || secret === checked) return;
  checked = secret;
  let answer;
  try {
    answer = await known();
  } catch {
    answer = ["unknown", "The server did not answer, or a character of the key is not allowed.", []];
  }
  if (secret === key.secret) show(...answer);
}

/** Connects the field of the page. */
export function start() {
  const form = document.getElementById("key");
  const field = document.getElementById("secret");
  field.addEventListener("input", () => {
    Object.assign(key, parsed(field.value));
    checked = "";
    show("", "", []);
  });
  field.addEventListener("change", check);
  const organisation = document.getElementById("organisation");
  organisation.addEventListener("change", () => choose(organisation.value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
}
