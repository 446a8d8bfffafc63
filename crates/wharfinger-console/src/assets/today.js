// The first page, live: the server sends the parts that have changed, and they are replaced.
import { localTimes } from "./page.js";

// If there can be no stream, the page is read again now and then.
const LATER_MS = 20000;
const waiting = new Map();
let stream = null;
let timer = 0;

function open() {
  if (document.hidden || stream) return;
  clearTimeout(timer);
  stream = new EventSource(`/console/live${location.search}`);
  stream.addEventListener("parts", (event) => show(JSON.parse(event.data)));
  // The session has ended: the page leads to the form that begins one.
  stream.addEventListener("over", () => location.reload());
  stream.addEventListener("error", () => {
    // A broken stream is opened again by the browser. A refused one is not.
    if (stream?.readyState !== EventSource.CLOSED) return;
    close();
    timer = setTimeout(look, LATER_MS);
  });
}

/** A page that nobody looks at has no stream. Browsers open only a few to a server. */
function close() {
  clearTimeout(timer);
  stream?.close();
  stream = null;
}

function show(parts) {
  // The first batch has come: the page has other parts now.
  if (parts.latest && !document.querySelector('[data-live="latest"]')) {
    location.reload();
    return;
  }
  for (const [name, html] of Object.entries(parts)) waiting.set(name, html);
  place();
}

/** Nobody loses the place where they read or type: such a part waits. */
function place() {
  for (const [name, html] of waiting) {
    const part = document.querySelector(`[data-live="${name}"]`);
    if (part?.contains(document.activeElement)) continue;
    waiting.delete(name);
    if (!part || html === null) continue;
    const fresh = document.createElement("div");
    fresh.innerHTML = html;
    localTimes(fresh);
    const open = [...part.querySelectorAll("details")].map((details) => details.open);
    fresh.querySelectorAll("details").forEach((details, at) => (details.open = open[at] ?? false));
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  }
}

async function look() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (answer?.redirected) {
    location.reload();
    return;
  }
  if (answer?.ok) {
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = [...fresh.querySelectorAll("[data-live]")].map((part) => [part.dataset.live, part.innerHTML]);
    show(Object.fromEntries(parts));
  }
  open();
}

document.addEventListener("focusout", () => setTimeout(place));
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
window.addEventListener("pagehide", close);
open();
