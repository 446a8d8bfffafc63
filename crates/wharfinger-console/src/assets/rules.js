// The page of an organisation's rules. What a person types is sent to the page itself, which says what does not compile.
const PAUSE_MS = 400;

const summary = document.getElementById("rules-summary");
const form = summary?.closest("form");
let timer = 0;
let latest = 0;

form?.addEventListener("input", (event) => {
  if (event.target.name === "last") return;
  clearTimeout(timer);
  timer = setTimeout(check, PAUSE_MS);
});
form?.addEventListener("submit", () => clearTimeout(timer));

async function check() {
  const sent = ++latest;
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "check");
  let page;
  try {
    const response = await fetch(form.action, { method: "POST", body });
    page = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return; // The server cannot be reached. The buttons still work, and say so.
  }
  if (sent !== latest || !page.getElementById("rules-summary")) return;
  for (const part of form.querySelectorAll("#rules-summary, .rule-faults")) {
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  }
  for (const field of form.querySelectorAll(".rule input, .rule textarea")) mark(field, page);
}

/** Marks a field as the answer does. */
function mark(field, page) {
  const at = field.closest(".rule").querySelector(".rule-faults").id;
  const other = page.getElementById(at)?.closest(".rule").querySelector(`[name="${field.name}"]`);
  if (other?.hasAttribute("aria-invalid")) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
