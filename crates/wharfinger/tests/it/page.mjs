// Runs the script of /docs on a stand-in for a browser's document, tries the requests of the command line, and prints what the page
// shows. Usage: node page.mjs URL SECRET OPERATION NAME=VALUE…
import vm from "node:vm";

const [url, secret, wanted, ...said] = process.argv.slice(2);
const values = Object.fromEntries(said.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));

class Node {
  constructor(name) {
    Object.assign(this, { name, attributes: {}, dataset: {}, children: [], listeners: {}, text: "" });
  }
  setAttribute(name, value) { this.attributes[name] = value; }
  append(...children) { this.children.push(...children); }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  get nodes() { return this.children.filter((child) => child instanceof Node).flatMap((child) => [child, ...child.nodes]); }
  querySelectorAll(selector) {
    const [name, attribute] = selector.replace("]", "").split("[");
    return this.nodes.filter((node) => node.name === name && (!attribute || attribute in node.attributes));
  }
  querySelector(selector) { return this.querySelectorAll(selector)[0] || null; }
  get value() { return this.typed ?? (this.name === "select" ? this.children[0].children[0] : this.children.join("")); }
  set value(text) { this.typed = text; }
  set textContent(text) { this.text = text; }
  get textContent() { return this.text; }
  scrollIntoView() {}
}

const known = new Map(["access", "key-id", "secret", "routes", "contents"].map((id) => [id, new Node(id)]));
known.get("secret").value = secret;
const loaded = {};
loaded.done = new Promise((resolve) => { loaded.resolve = resolve; });
const page = {
  document: {
    createElement: (name) => new Node(name),
    getElementById: (id) => {
      if (id === "") loaded.resolve(); // what the page looks for last
      return known.get(id) ?? null;
    },
  },
  location: { hash: "" },
  fetch: (target, options) => fetch(new URL(target, url), options),
  URLSearchParams, btoa,
};
vm.runInNewContext(await (await fetch(new URL("/docs/page.js", url))).text(), page);
await loaded.done;
const route = known.get("routes").children.find((child) => child.attributes.id === wanted);
const form = route.querySelector("form");
for (const input of form.querySelectorAll("input[name]")) input.value = values[input.attributes.name] ?? "";
await form.listeners.submit({ preventDefault() {} });
const shown = route.querySelectorAll("pre").find((node) => "hidden" in node.attributes);
console.log(shown.textContent);
