// Narrows the page to the routes and codes that contain every word of the search.

const known = [];

/** Adds an entry: the text that is searched, and what is hidden if it does not match. */
export function add(text, ...elements) {
  known.push({ text: text.toLowerCase(), elements });
}

/** Hides what does not match. Groups without a visible entry are hidden too. */
export function search(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { text, elements } of known) {
    const isFound = wanted.every((word) => text.includes(word));
    for (const one of elements) one.hidden = !isFound;
    count += Number(isFound);
  }
  for (const group of document.querySelectorAll("[data-group]")) {
    group.hidden = !group.querySelector("[data-entry]:not([hidden])");
  }
  document.body.classList.toggle("searching", wanted.length > 0);
  document.getElementById("nothing").hidden = count > 0;
  const found = count === 1 ? "1 route or code matches" : `${count} routes and codes match`;
  document.getElementById("found").textContent = wanted.length ? found : "";
}

/** Connects the field. `/` moves to it, and Escape empties it. */
export function start() {
  const field = document.getElementById("words");
  field.addEventListener("input", () => search(field.value));
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const isWriting = event.target.closest?.("input, textarea, select");
    if (event.key === "/" && !isWriting && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && event.target === field) {
      clear();
    }
  });
}

/** Shows everything again. */
export function clear() {
  document.getElementById("words").value = "";
  search("");
}
