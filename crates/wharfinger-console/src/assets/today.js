// The first page, live: it is read again while it is looked at, and what has changed is replaced.
import { localTimes } from "./page.js";

const EVERY_MS = 5000;
let timer;

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected || !answer.ok) return answer.redirected ? "over" : "later";
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    // Nobody loses the place where they read or type.
    if (!other || other.innerHTML === part.source || part.contains(document.activeElement)) continue;
    const open = [...part.querySelectorAll("details")].map((details) => details.open);
    part.source = other.innerHTML;
    part.replaceChildren(...other.childNodes);
    part.querySelectorAll("details").forEach((details, at) => (details.open = open[at] ?? false));
    localTimes(part);
  }
  // The first batch has come: the page has other parts now.
  if (!document.querySelector('[data-live="latest"]') && fresh.querySelector('[data-live="latest"]')) location.reload();
  return "later";
}

async function tick() {
  clearTimeout(timer);
  if (document.hidden) return;
  const next = await refresh().catch(() => "later");
  if (next === "over") location.reload();
  else timer = setTimeout(tick, EVERY_MS);
}

document.addEventListener("visibilitychange", tick);
timer = setTimeout(tick, EVERY_MS);
