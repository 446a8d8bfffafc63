"use strict";
// Shows /openapi.json, and sends what is filled in. Everything is put in as text, never as markup.

const METHODS = ["get", "put", "post", "patch", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

function resolved(api, schema) {
  const name = schema && schema.$ref && schema.$ref.split("/").pop();
  return name ? api.components.schemas[name] : schema;
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", {}, text)));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

function kind(schema) {
  if (!schema || schema === true) return "anything";
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const type = [].concat(schema.type || "").join(" | ");
  return [type, schema.format, schema.pattern].filter(Boolean).join(", ");
}

function parameters(operation) {
  const rows = (operation.parameters || []).map((parameter) => [
    element("code", {}, parameter.name),
    parameter.in + (parameter.required ? ", required" : ""),
    kind(parameter.schema),
    parameter.description || "",
  ]);
  return rows.length ? [element("h4", {}, "Parameters"), table(["name", "in", "type", "description"], rows)] : [];
}

// A schema, with those that it refers to written out, each at most once on the way down.
function written(api, schema, seen) {
  if (Array.isArray(schema)) return schema.map((part) => written(api, part, seen));
  if (schema === null || typeof schema !== "object") return schema;
  if (typeof schema.$ref === "string") {
    if (seen.includes(schema.$ref)) return schema;
    return written(api, resolved(api, schema), seen.concat(schema.$ref));
  }
  return Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, written(api, part, seen)]));
}

function bodies(api, title, content) {
  return Object.entries(content || {}).map(([mediaType, media]) => {
    const shown = element("details", {}, element("summary", {}, `${title}: `, element("code", {}, mediaType)));
    // Written out only when it is looked at: there are many.
    shown.addEventListener("toggle", () => {
      if (shown.querySelector("pre")) return;
      const schema = written(api, media.schema === undefined ? {} : media.schema, []);
      shown.append(element("pre", {}, JSON.stringify(schema, null, 2)));
    });
    return shown;
  });
}

function credentials(api, operation) {
  const value = (id) => document.getElementById(id).value;
  const headers = {};
  if (!value("secret")) return headers;
  for (const name of Object.keys((operation.security || [{}])[0] || {})) {
    const scheme = api.components.securitySchemes[name];
    if (scheme.type === "apiKey") headers[scheme.name] = value("secret");
    else if (scheme.scheme === "basic") headers.authorization = "Basic " + btoa(`${value("key-id")}:${value("secret")}`);
    else headers.authorization = `Bearer ${value("secret")}`;
  }
  return headers;
}

function request(api, method, path, operation, form) {
  const headers = credentials(api, operation);
  const query = new URLSearchParams();
  let target = path;
  for (const input of form.querySelectorAll("input[name]")) {
    const { place, name } = input.dataset;
    if (place === "path") target = target.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (input.value === "") continue;
    else if (place === "query") query.append(name, input.value);
    else headers[name] = input.value;
  }
  const options = { method: method.toUpperCase(), headers, credentials: "omit" };
  const text = form.querySelector("textarea");
  if (text && text.value) {
    options.body = text.value;
    headers["content-type"] = form.querySelector("select").value;
  }
  const asked = query.toString();
  return [asked ? `${target}?${asked}` : target, options];
}

// JSON with line breaks and indents. Every number and text stays as it is written: JSON.parse would make 55.1 of 55.10.
function laidOut(text) {
  JSON.parse(text); // throws where the text is no JSON
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[^\s"[\]{},:]+|[[\]{},:]/g) || [];
  const isClosing = (token) => token === "}" || token === "]";
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  let shown = "";
  tokens.forEach((token, at) => {
    if (token === "{" || token === "[") {
      depth += 1;
      shown += isClosing(tokens[at + 1]) ? token : token + line();
    } else if (isClosing(token)) {
      depth -= 1;
      const isEmpty = ["{", "["].includes(tokens[at - 1]);
      shown += isEmpty ? token : line() + token;
    } else if (token === ",") {
      shown += token + line();
    } else {
      shown += token === ":" ? ": " : token;
    }
  });
  return shown;
}

function tryIt(api, method, path, operation) {
  const form = element("form", {});
  for (const parameter of operation.parameters || []) {
    const input = element("input", { name: parameter.name, autocomplete: "off" });
    input.dataset.place = parameter.in;
    input.dataset.name = parameter.name;
    if (parameter.required) input.required = true;
    form.append(element("label", {}, `${parameter.name} `, input));
  }
  const content = (operation.requestBody || {}).content;
  if (content) {
    const mediaTypes = Object.keys(content);
    const example = content[mediaTypes[0]].example;
    const select = element("select", {}, ...mediaTypes.map((type) => element("option", {}, type)));
    form.append(element("label", {}, "Content-Type ", select));
    const text = example === undefined ? "" : JSON.stringify(example, null, 2);
    form.append(element("textarea", { spellcheck: "false" }, text));
  }
  const answer = element("pre", { hidden: "" });
  form.append(element("button", {}, "Send"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = "…";
    try {
      const [target, options] = request(api, method, path, operation, form);
      const response = await fetch(target, options);
      let body = await response.text();
      try {
        body = laidOut(body);
      } catch {
        // It is shown as it came.
      }
      const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`);
      answer.textContent = [`${response.status} ${response.statusText}`, ...fields, "", body].join("\n");
    } catch (error) {
      answer.textContent = String(error);
    }
  });
  return element("details", {}, element("summary", {}, "Try it"), form, answer);
}

function route(api, method, path, operation) {
  const title = element(
    "summary", {},
    element("span", { class: "method" }, method.toUpperCase()),
    element("span", { class: "path" }, path), " ",
    element("span", { class: "about" }, operation.summary || ""),
  );
  const answers = Object.entries(operation.responses).flatMap(([status, response]) => [
    element("p", {}, element("strong", {}, status), ` ${response.description}`),
    ...bodies(api, "Body", response.content),
  ]);
  return element(
    "details", { id: operation.operationId }, title,
    element("p", {}, operation.description || ""),
    ...parameters(operation),
    ...bodies(api, "Request body", (operation.requestBody || {}).content),
    element("h4", {}, "Responses"), ...answers,
    tryIt(api, method, path, operation),
  );
}

function show(api) {
  const routes = document.getElementById("routes");
  const contents = document.getElementById("contents");
  for (const tag of [...api.tags].reverse()) {
    routes.append(element("h2", { id: `tag-${tag.name}` }, tag.name));
    contents.append(element("a", { href: `#tag-${tag.name}` }, tag.name));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((known) => methods[known])) {
        const operation = methods[method];
        if (operation.tags.includes(tag.name)) routes.append(route(api, method, path, operation));
      }
    }
  }
  // The anchor may name what was not there when the page was opened.
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted) wanted.scrollIntoView();
}

async function start() {
  try {
    const response = await fetch("/openapi.json");
    show(await response.json());
  } catch (error) {
    document.getElementById("routes").append(element("p", { class: "failed" }, `/openapi.json could not be read: ${error}`));
  }
}

document.getElementById("access").addEventListener("submit", (event) => event.preventDefault());
start();
