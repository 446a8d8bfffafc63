// One route: its form first, then the response, then what the bodies contain.

import { badge, breakable, coded, element, lazy } from "./dom.js";
import { form } from "./form.js";
import { exchange } from "./answer.js";
import { contents } from "./schema.js";

function bodies(api, content) {
  return Object.entries(content || {}).map(([mediaType, media]) =>
    lazy({ class: "schema" }, [element("code", {}, mediaType)], () => contents(api, media.schema ?? {})));
}

function responses(api, operation) {
  return Object.entries(operation.responses).map(([status, response]) => {
    const name = status === "default" ? "Otherwise" : status;
    const about = element("p", {}, element("strong", {}, name), " ", ...coded(response.description));
    return element("div", { class: "response" }, about, ...bodies(api, response.content));
  });
}

function content(api, route) {
  const { operation } = route;
  const [, scope] = /^Required scope: `([^`]+)`\.\s*/.exec(operation.description || "") || [];
  const about = (operation.description || "").replace(/^Required scope: `[^`]+`\.\s*/, "");
  const place = element("section", { class: "answer", hidden: true, "aria-label": "Response" });
  const request = operation.requestBody?.content;
  return [
    element("div", { class: "inside" },
      ...(about ? [element("p", {}, ...coded(about))] : []),
      ...(scope ? [element("p", { class: "scope" }, "Needs the scope ", element("code", {}, scope))] : []),
      form(api, route, (made, signal) => exchange(place, made, signal)),
      place,
      ...(request ? [element("h4", {}, "Request body"), ...bodies(api, request)] : []),
      element("h4", {}, "Responses"),
      ...responses(api, operation)),
  ];
}

/** The section of a route. It is filled when it is opened for the first time. */
export function section(api, route) {
  const { method, path, operation } = route;
  const title = [
    badge(method), " ",
    element("code", { class: "path" }, ...breakable(path)), " ",
    element("span", { class: "about" }, ...coded(operation.summary || "")),
  ];
  return lazy({ class: "route", id: operation.operationId }, title, () => content(api, route));
}
