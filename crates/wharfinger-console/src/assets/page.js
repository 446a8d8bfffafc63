// On every page. Shows times in the person's own time zone; the server's UTC stays in the title.
const forms = {
  minute: { timeStyle: "short" },
  hour: { timeStyle: "short" },
  day: { month: "short", day: "numeric", timeZone: "UTC" },
  full: { dateStyle: "medium", timeStyle: "short" },
};
const formatter = (form) => new Intl.DateTimeFormat(undefined, forms[form] ?? { dateStyle: "medium", timeStyle: "medium" });

export function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (!element.dateTime.includes("T") || Number.isNaN(at.getTime())) continue;
    element.title = element.dateTime;
    if (element.dataset.form === "age") continue;
    element.textContent = formatter(element.dataset.form).format(at);
  }
}

/** A request to /v1 in the rights of the person's key. */
export function api(path, options = {}) {
  const csrf = document.querySelector('meta[name="csrf"]').content;
  return fetch(`/console/api${path}`, { ...options, headers: { "x-csrf-token": csrf, ...options.headers } });
}

localTimes(document);
