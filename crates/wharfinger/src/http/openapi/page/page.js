// Shows /openapi.json, grouped and searchable, and sends requests.

import { badge, coded, element } from "./dom.js";
import * as key from "./key.js";
import { section } from "./route.js";
import * as search from "./search.js";

/** The routes of a group, in the order of the description. */
function routesOf(api, tag) {
  const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })));
  return routes.filter(({ operation }) => operation.tags.includes(tag.name));
}

function textOf({ method, path, operation }, tag) {
  const names = (operation.parameters || []).map((parameter) => parameter.name);
  return [method, path, operation.summary, operation.operationId, tag.name, ...names].join(" ");
}

function group(api, tag) {
  const id = `group-${tag.name.toLowerCase().replaceAll(" ", "-")}`;
  const [sections, links] = [[], []];
  for (const route of routesOf(api, tag)) {
    const made = section(api, route);
    made.addEventListener("toggle", () => {
      if (!made.open) return;
      // The address then leads to the route that was opened last.
      history.replaceState(null, "", `#${made.id}`);
      mark();
    });
    const link = element("a", { href: `#${made.id}` }, badge(route.method), " ", ...coded(route.operation.summary));
    const item = element("li", {}, link);
    for (const entry of [made, item]) entry.dataset.entry = "";
    search.add(textOf(route, tag), made, item);
    sections.push(made);
    links.push(item);
  }
  const shown = element("section", { class: "group", "aria-labelledby": id },
    element("h2", { id }, tag.name), element("p", {}, ...coded(tag.description || "")), ...sections);
  const listed = element("li", {}, element("a", { href: `#${id}` }, tag.name), element("ul", {}, ...links));
  for (const made of [shown, listed]) made.dataset.group = "";
  return { shown, listed };
}

/** Codes of refusals and errors are found as well. */
function addCodes() {
  for (const part of document.querySelectorAll(".codes")) {
    part.dataset.group = "";
    for (const row of part.querySelectorAll("tbody tr")) {
      row.dataset.entry = "";
      row.tabIndex = -1;
      search.add(row.textContent, row);
    }
  }
}

/** Marks the group that is on the screen. */
function follow(groups) {
  const visible = new Set();
  const watcher = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) isIntersecting ? visible.add(target) : visible.delete(target);
    const current = groups.find(({ shown }) => visible.has(shown));
    for (const { shown, listed } of groups) listed.classList.toggle("current", shown === current?.shown);
  }, { rootMargin: "-80px 0px -45% 0px" });
  groups.forEach(({ shown }) => watcher.observe(shown));
}

/** Marks the link that leads to the same place as the address. */
function mark() {
  for (const link of document.querySelectorAll("#contents a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** Opens what the address names, and scrolls there. */
function go() {
  const wanted = document.getElementById(location.hash.slice(1));
  if (!wanted) return;
  if (wanted.closest("[hidden]")) search.clear();
  if (wanted.matches(".route")) {
    wanted.fill();
    wanted.open = true;
  }
  mark();
  if (!matchMedia("(min-width: 60rem)").matches) document.getElementById("contents").open = false;
  wanted.scrollIntoView();
  const focused = wanted.matches(".route") ? wanted.querySelector("summary") : wanted;
  focused.focus({ preventScroll: true });
}

function show(api) {
  document.getElementById("version").textContent = api.info.version;
  const groups = api.tags.map((tag) => group(api, tag));
  document.getElementById("routes").append(...groups.map(({ shown }) => shown));
  document.getElementById("groups").append(...groups.map(({ listed }) => listed));
  follow(groups);
  go();
}

async function start() {
  addCodes();
  search.start();
  key.start();
  const wide = matchMedia("(min-width: 60rem)");
  const contents = document.getElementById("contents");
  const fit = () => { contents.open = wide.matches; };
  wide.addEventListener("change", fit);
  fit();
  addEventListener("hashchange", go);
  // The address may lead there already, while the route was closed since.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link?.hash && link.hash === location.hash && link.pathname === location.pathname) go();
  });
  try {
    const response = await fetch("/openapi.json");
    show(await response.json());
    document.body.dataset.ready = "";
  } catch (error) {
    const sentence = `The description /openapi.json could not be read: ${error.message}. Reload the page to try again.`;
    document.getElementById("routes").append(element("p", { class: "note", role: "alert" }, sentence));
  }
}

start();
