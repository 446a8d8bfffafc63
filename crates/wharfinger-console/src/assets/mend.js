// The pages that mend a rejected or a held order, and the form that mends all of a cause.
// What a person types is sent to the page itself, which judges it by a dry run. So places in a text are found by one code.
const PAUSE_MS = 350;

const bench = document.getElementById("bench");
if (bench) mend(bench.closest("form"));
const hows = document.querySelector(".hows");
if (hows) fields(hows.closest("form"));

function mend(form) {
  const text = form.elements.text;
  let behind = document.getElementById("behind");
  let shown = text.value;
  let timer = 0;
  let latest = 0;

  // The marks move with the text until the server has said what is wrong now.
  text.addEventListener("input", () => {
    if (!behind.parentElement.classList.contains("large")) shiftMarks(behind, shown, text.value);
    shown = text.value;
    clearTimeout(timer);
    timer = setTimeout(() => check("check", null), PAUSE_MS);
  });

  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    const isSent = button?.name === "do" && ["send", "save"].includes(button.value);
    if (isSent || !button) return;
    event.preventDefault();
    clearTimeout(timer);
    check(button.value, button);
  });

  // Enter in a field beside a fault sets its value.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.name !== "value") return;
    event.preventDefault();
    event.target.parentElement.querySelector("button").click();
  });

  form.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (!link) return;
    event.preventDefault();
    const at = Number(link.dataset.at);
    text.focus({ preventScroll: true });
    text.setSelectionRange(at, at);
    const number = link.closest(".fault-card").id.slice("fault-".length);
    (behind.querySelector(`[data-fault="${number}"]`) ?? text).scrollIntoView({ block: "center" });
  });

  async function check(action, button) {
    const body = new URLSearchParams();
    // While a person types only the text counts; a button also sends the fields beside the faults.
    for (const [name, value] of new FormData(form)) {
      if (button || name === "text" || name === "csrf") body.append(name, value);
    }
    if (button?.name === "apply") body.append("apply", button.value);
    else body.append("do", action);
    const sent = ++latest;
    document.getElementById("faults").setAttribute("aria-busy", "true");
    let page = null;
    try {
      const response = await fetch(form.action, { method: "POST", body });
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      // The server cannot be reached. The buttons still work, and say so.
    }
    if (sent !== latest) return;
    const faults = page?.getElementById("faults");
    if (!faults) {
      if (button) form.submit();
      document.getElementById("faults").removeAttribute("aria-busy");
      return;
    }
    const had = document.activeElement?.closest("#faults") ? document.activeElement.id : "";
    document.getElementById("faults").replaceWith(document.importNode(faults, true));
    form.querySelector(".tools").replaceWith(document.importNode(page.querySelector(".tools"), true));
    const now = page.getElementById("text").value;
    if (button && now !== text.value) {
      text.value = now;
      shown = now;
    }
    const fresh = document.importNode(page.getElementById("behind"), true);
    behind.parentElement.className = page.querySelector(".editor").className;
    behind.replaceWith(fresh);
    behind = fresh;
    if (button) afterButton(had);
  }

  // The pressed button may be gone: the focus goes to the next fault, or to what sends the order.
  function afterButton(had) {
    if (document.activeElement !== document.body) return;
    const next = had ? document.getElementById(had) : null;
    (next ?? document.querySelector("#faults button") ?? form.querySelector(".actions .main")).focus();
  }
}

/** Rewrites the text behind the editor. Marks before and after the change keep their letters; those within it go. */
function shiftMarks(behind, before, after) {
  let start = 0;
  const most = Math.min(before.length, after.length);
  while (start < most && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < most - start && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const end = before.length - tail;
  const moved = after.length - before.length;
  const pieces = [];
  let at = 0;
  for (const mark of behind.querySelectorAll("mark")) {
    const range = document.createRange();
    range.setStart(behind, 0);
    range.setEndBefore(mark);
    let from = range.toString().length;
    let to = from + mark.textContent.length;
    if (from >= end) [from, to] = [from + moved, to + moved];
    else if (to > start) continue;
    const fresh = mark.cloneNode();
    fresh.textContent = after.slice(from, to);
    pieces.push(after.slice(at, from), fresh);
    at = to;
  }
  behind.replaceChildren(...pieces, `${after.slice(at)}\n`);
}

/** Shows only the fields of the chosen change. */
function fields(form) {
  const show = () => {
    const how = new FormData(form).get("how");
    for (const field of form.querySelectorAll("[data-how]")) field.hidden = field.dataset.how !== how;
  };
  form.addEventListener("change", show);
  show();
}
