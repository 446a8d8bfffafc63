// The form of a route: a field for each parameter, the body, and what to do with them.

import { coded, copyButton, element } from "./dom.js";
import { chosen, key, onKey } from "./key.js";
import { skeleton } from "./schema.js";
import { request } from "./request.js";
import { shellCommand } from "./curl.js";

const LINES_MAX = 24;

function choices(parameter, values) {
  const options = values.map((value) => element("option", { value }, value));
  if (!parameter.required) {
    const [, usual] = /Default: `([^`]+)`/.exec(parameter.description || "") || [];
    options.unshift(element("option", { value: "" }, usual ? `default (${usual})` : "not set"));
  }
  return element("select", {}, ...options);
}

function placeholder(schema) {
  const examples = { "date-time": "2026-11-21T09:30:00Z", date: "2026-11-21", uuid: "0199c0de-…" };
  return examples[schema.format];
}

/** The input of a parameter: a choice where the values are known. */
function control(parameter) {
  const { schema } = parameter;
  if (schema.enum) return choices(parameter, schema.enum);
  if (schema.type === "boolean") return choices(parameter, ["true", "false"]);
  const input = element("input", { autocomplete: "off", spellcheck: "false", placeholder: placeholder(schema) });
  if (parameter.required) input.required = true;
  if (schema.type === "integer") input.inputMode = "numeric";
  if (parameter["x-organisation"]) input.setAttribute("list", "organisations");
  return input;
}

/** Writes the organisation of the key into a field, until the user writes there. */
function fillIn(input) {
  let written = input.value;
  const write = () => {
    if (input.value === written) written = input.value = chosen.organisation;
  };
  write();
  onKey(write);
}

/** The form of a value in a word, unless it is any text or one of the choices. */
function formOf(schema) {
  if (schema.type === "integer") return "integer";
  return schema.format || (schema.anyOf || []).map((part) => part.format).find(Boolean) || "";
}

/** The known values of a field that also takes others. */
function suggestions(input, schema) {
  const known = (schema.anyOf || []).find((part) => part.enum);
  if (!known) return [];
  input.setAttribute("list", `${input.id}.known`);
  return [element("datalist", { id: `${input.id}.known` }, ...known.enum.map((value) => element("option", { value })))];
}

function field(route, parameter) {
  const id = `${route.operation.operationId}.${parameter.in}.${parameter.name}`;
  const input = control(parameter);
  input.id = id;
  input.name = parameter.name;
  const about = [];
  if (parameter.description) about.push(...coded(parameter.description));
  const notes = [parameter.in === "query" ? "" : parameter.in, formOf(parameter.schema)];
  const hint = element("p", { class: "hint", id: `${id}.about` }, ...about, ...suggestions(input, parameter.schema));
  if (about.length) input.setAttribute("aria-describedby", hint.id);
  const marks = [element("span", { class: "kind" }, notes.filter(Boolean).join(", "))];
  if (parameter.required) marks.push(element("span", { class: "required" }, "required"));
  const label = element("label", { for: id }, element("code", {}, parameter.name));
  // A list is filtered only when somebody wants that.
  if (parameter["x-organisation"] && (parameter.required || route.method !== "get")) fillIn(input);
  const made = element("div", { class: "field" }, element("div", { class: "label" }, label, ...marks), input, hint);
  return { made, read: () => [parameter, input.value] };
}

function dryRun(route, parameter) {
  const id = `${route.operation.operationId}.dry_run`;
  const input = element("input", { type: "checkbox", id, name: parameter.name });
  const made = element("div", { class: "switch" }, input, element("label", { for: id }, "Dry run"));
  return { made, input, read: () => [parameter, input.checked ? "true" : ""] };
}

/** The example of a media type as text, for the organisation of the key. */
function example(api, media) {
  const value = media.example ?? skeleton(api, media.schema || {});
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const standIn = JSON.stringify(api["x-example-organisation"]);
  return chosen.organisation ? text.replaceAll(standIn, () => JSON.stringify(chosen.organisation)) : text;
}

function bodyField(api, route) {
  const { requestBody, operationId } = route.operation;
  if (!requestBody) return { made: [], read: () => [null, ""] };
  const [id, mediaTypes] = [`${operationId}.body`, Object.keys(requestBody.content)];
  const text = element("textarea", { id, spellcheck: "false", autocapitalize: "off", wrap: "off" });
  const type = element("select", { id: `${id}.type` }, ...mediaTypes.map((name) => element("option", { value: name }, name)));
  let written = null;
  const write = () => {
    if (written !== null && text.value !== written) return;
    written = text.value = example(api, requestBody.content[type.value]);
    text.rows = Math.min(LINES_MAX, Math.max(3, text.value.split("\n").length));
  };
  write();
  type.addEventListener("change", write);
  onKey(write);
  const label = element("div", { class: "label" }, element("label", { for: id }, "Body"));
  if (!requestBody.required) label.append(element("span", { class: "kind" }, "may be empty"));
  const only = element("code", {}, mediaTypes[0]);
  const choice = [element("label", { for: type.id }, "Content-Type"), type];
  const kinds = element("div", { class: "label" }, ...(mediaTypes.length > 1 ? choice : [only]));
  const made = element("div", { class: "field wide" }, element("div", { class: "labels" }, label, kinds), text);
  return { made: [made], read: () => [type.value, text.value] };
}

/** What *Send* does to the data of the server. */
function effect(route, isDry) {
  if (route.method === "get") return "Send only reads. It changes nothing.";
  const hasDryRun = (route.operation.parameters || []).some((parameter) => parameter.name === "dry_run");
  if (!hasDryRun) return "Send changes data on this server.";
  return isDry ? "Send judges the orders. Nothing is stored." : "Send stores these orders on this server. Choose Dry run to store nothing.";
}

function buttons(dry) {
  const sendButton = element("button", { type: "submit", class: "main" }, "Send");
  const stop = element("button", { type: "button", class: "quiet", hidden: true }, "Stop");
  const note = element("p", { class: "effect" });
  return { sendButton, stop, note, made: element("div", { class: "actions" }, ...(dry ? [dry.made] : []), sendButton, stop, note) };
}

/**
 * The form of a route. `send` is called with the request and a signal that stops it, and returns a promise.
 */
export function form(api, route, send) {
  const parameters = route.operation.parameters || [];
  const dry = parameters.filter((parameter) => parameter.name === "dry_run").map((parameter) => dryRun(route, parameter))[0];
  const shown = parameters.filter((parameter) => parameter.name !== "dry_run");
  const isFirst = (parameter) => Number(!parameter.required) + Number(!parameter["x-organisation"]);
  const fields = shown.toSorted((one, other) => isFirst(one) - isFirst(other)).map((parameter) => field(route, parameter));
  const body = bodyField(api, route);
  const made = () => request(api, route, [...fields, ...(dry ? [dry] : [])].map((known) => known.read()), ...body.read());
  const { sendButton, stop, note, made: actions } = buttons(dry);
  const line = element("pre", { tabindex: "0", class: "curl" });
  const command = () => shellCommand(made(), key, location.origin);
  const lineCopy = copyButton("Copy as curl", command);
  actions.insertBefore(lineCopy, note);
  const asCurl = element("details", {}, element("summary", {}, "curl"), line);
  const refresh = () => {
    line.textContent = command();
    note.textContent = effect(route, dry?.input.checked);
  };
  const grid = element("div", { class: "fields" }, ...fields.map((known) => known.made), ...body.made);
  const whole = element("form", { class: "request", autocomplete: "off" }, grid, actions, asCurl);
  let running = null;
  whole.addEventListener("input", refresh);
  whole.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) whole.requestSubmit();
  });
  stop.addEventListener("click", () => running?.abort());
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    running = new AbortController();
    stop.hidden = false;
    await send(made(), running.signal);
    stop.hidden = true;
    running = null;
  });
  onKey(refresh);
  refresh();
  return whole;
}
