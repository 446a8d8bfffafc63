// A JSON Schema as a list of attributes that people can read.

import { coded, element, lazy } from "./dom.js";

/** Longer patterns say nothing to a reader. They are in the JSON Schema. */
const PATTERN_CHARS_MAX = 48;
const BLANK = "^\\s*$";

/** The schema that a reference names. */
export function resolved(api, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? api.components.schemas[name] : schema;
}

/** A schema with those that it refers to written out, each at most once on the way down. */
function written(api, schema, seen) {
  if (Array.isArray(schema)) return schema.map((part) => written(api, part, seen));
  if (schema === null || typeof schema !== "object") return schema;
  if (typeof schema.$ref === "string") {
    if (seen.includes(schema.$ref)) return schema;
    return written(api, resolved(api, schema), seen.concat(schema.$ref));
  }
  return Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, written(api, part, seen)]));
}

/** The types that carry a value. Empty arrays, empty objects and blank text only mean that the value is absent. */
function types(schema) {
  const isEmpty = { array: schema.maxItems === 0, object: schema.maxProperties === 0, string: schema.pattern === BLANK };
  return [].concat(schema.type || []).filter((type) => !isEmpty[type]);
}

function alternatives(schema) {
  return (schema.anyOf || schema.oneOf || []).filter((part) => part.pattern !== BLANK && part.type !== "null");
}

/** What a value may be, in a few words. */
export function kind(api, schema) {
  if (!schema || schema === true) return "anything";
  const known = resolved(api, schema);
  if (known.enum) return known.enum.filter((value) => value !== "" && value !== null).map((value) => JSON.stringify(value)).join(" | ");
  if (known.const !== undefined) return JSON.stringify(known.const);
  const names = types(known).filter((type) => type !== "null");
  if (names[0] === "array" && known.items) return `array of ${kind(api, known.items)}`;
  const isNullable = types(known).includes("null") || (known.anyOf || []).some((part) => part.type === "null");
  const others = alternatives(known).map((part) => kind(api, part)).filter(Boolean);
  const words = [names.join(" or "), known.format, [...new Set(others)].join(" or "), bounds(known)];
  if (isNullable) words.push("or null");
  return words.filter(Boolean).join(", ").replace(", or null", " or null");
}

function bounds(schema) {
  const words = [];
  if (schema.minimum !== undefined && schema.minimum > 0) words.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER) words.push(`at most ${schema.maximum}`);
  if (schema.minLength > 1) words.push(`at least ${schema.minLength} characters`);
  if (schema.maxLength) words.push(`at most ${schema.maxLength} characters`);
  const pattern = (schema.pattern || "").replace(`${BLANK}|`, "");
  if (pattern && pattern !== BLANK && pattern !== "\\S" && pattern.length <= PATTERN_CHARS_MAX) words.push(`matches ${pattern}`);
  return words.join(", ");
}

/** The schemas inside a schema that have attributes of their own. */
function nested(api, schema) {
  const known = resolved(api, schema);
  if (!known || known === true) return [];
  if (known.properties || typeof known.additionalProperties === "object") return [known];
  const inner = [known.items, ...(known.allOf || []), ...alternatives(known)];
  return inner.filter(Boolean).flatMap((part) => nested(api, part));
}

function attribute(api, name, schema, isRequired, seen) {
  const known = resolved(api, schema) || {};
  const head = [element("code", { class: "name" }, name), " ", element("span", { class: "kind" }, kind(api, schema))];
  if (isRequired) head.push(" ", element("span", { class: "required" }, "required"));
  const about = schema.description || known.description;
  const text = about ? [element("p", {}, ...coded(about))] : [];
  const inner = nested(api, schema).filter((part) => !seen.includes(part));
  const below = inner.length ? [lazy({}, "Attributes", () => lists(api, inner, seen))] : [];
  return element("li", {}, ...head, ...text, ...below);
}

function lists(api, schemas, seen) {
  // Alternatives often are one schema twice: an array of it, and one of it.
  return [...new Set(schemas)].map((schema) => {
    const required = schema.required || [];
    const properties = Object.entries(schema.properties || {});
    const items = properties.map(([name, part]) => attribute(api, name, part, required.includes(name), seen.concat(schema)));
    if (typeof schema.additionalProperties === "object") {
      items.push(attribute(api, "any other name", schema.additionalProperties, false, seen.concat(schema)));
    }
    return element("ul", { class: "attributes" }, ...items);
  });
}

/** What a body of this schema contains. */
export function contents(api, schema) {
  const known = resolved(api, schema) || {};
  const inner = nested(api, schema);
  const about = known.description ? [element("p", {}, ...coded(known.description))] : [];
  const title = inner.length ? [] : [element("p", { class: "kind" }, kind(api, schema))];
  const raw = lazy({ class: "raw" }, "JSON Schema", () => {
    const text = JSON.stringify(written(api, schema, []), null, 2);
    return [element("pre", { tabindex: "0" }, text)];
  });
  return [...about, ...title, ...lists(api, inner, []), raw];
}

/** A body that has the required attributes of a schema, to be filled in. */
export function skeleton(api, schema) {
  const known = resolved(api, schema) || {};
  if (known.example !== undefined) return known.example;
  if (known.examples) return known.examples[0];
  if (known.enum) return known.enum[0];
  const inner = alternatives(known);
  const [type] = types(known);
  if (known.properties) {
    const required = known.required || [];
    return Object.fromEntries(required.map((name) => [name, skeleton(api, known.properties[name] || {})]));
  }
  if (!type && inner.length) return skeleton(api, inner[0]);
  const empty = { array: [], object: {}, string: "", integer: 0, number: 0, boolean: false };
  if (type === "array" && known.items && known.minItems) return [skeleton(api, known.items)];
  return empty[type] ?? null;
}
