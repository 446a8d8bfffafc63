// The pages of uploads: a file that is dropped, how much of it has arrived, and how far a check or a sending is.
const { format } = new Intl.NumberFormat("en");

const form = document.querySelector("form#upload");
if (form) receive(form);

const run = document.querySelector("#run");
if (run) follow(run);

function receive(form) {
  const field = form.querySelector("input[type=file]");
  const zone = form.querySelector(".drop");
  const bytesMax = Number(form.dataset.bytesMax);
  const name = document.createElement("strong");
  name.className = "drop-name";
  zone.append(name);
  document.body.classList.add("scripted");

  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.remove("over"); });
  }
  zone.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length === 0) return;
    field.files = event.dataTransfer.files;
    field.dispatchEvent(new Event("change"));
  });
  field.addEventListener("change", () => {
    const file = field.files[0];
    name.textContent = file ? file.name : "";
    tell(form, file && file.size > bytesMax ? tooLarge(file, bytesMax) : "");
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = field.files[0];
    if (file && file.size > bytesMax) return tell(form, tooLarge(file, bytesMax));
    send(form);
  });
}

function tooLarge(file, bytesMax) {
  const mebibytes = (bytes) => format(Math.ceil(bytes / 1048576));
  return `The file has ${mebibytes(file.size)} MiB. A file may have ${mebibytes(bytesMax)} MiB. Compress it with gzip, or split it.`;
}

function tell(form, sentence) {
  const notice = form.querySelector("#upload-error");
  notice.textContent = sentence;
  notice.hidden = sentence === "";
}

function send(form) {
  const button = form.querySelector("button.main");
  const shown = form.querySelector("#upload-progress");
  const bar = shown.querySelector("progress");
  const words = shown.querySelector("[role=status]");
  const request = new XMLHttpRequest();
  const end = (sentence) => {
    button.disabled = false;
    shown.hidden = true;
    tell(form, sentence);
  };
  tell(form, "");
  button.disabled = true;
  shown.hidden = false;
  request.upload.addEventListener("progress", (event) => {
    const percent = Math.floor((event.loaded / event.total) * 100);
    bar.value = percent;
    words.textContent = percent < 100 ? `Sending the file to the server: ${percent} %` : "The server reads the file";
  });
  request.addEventListener("error", () => end("The server cannot be reached. Try again."));
  request.addEventListener("load", () => {
    // The server leads to the page of the file, or to the form for signing in.
    if (request.status < 400 && !request.responseURL.endsWith(form.getAttribute("action"))) {
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const notice = page.querySelector("[role=alert], main p");
    end(notice ? notice.textContent.trim() : "The server did not take the file.");
  });
  request.open("POST", form.getAttribute("action"));
  request.send(new FormData(form));
}

async function follow(run) {
  const bar = run.querySelector("progress");
  for (;;) {
    try {
      const response = await fetch(run.dataset.progress, { redirect: "error" });
      if (!response.ok) break;
      const now = await response.json();
      if (now.done) break;
      bar.value = now.read;
      run.querySelector("[data-waits]").textContent = now.waits ?? "";
      for (const [name, number] of Object.entries(now.counts)) show(run, name, number);
    } catch {
      // The server cannot be reached, or the session has ended. The page says which.
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  location.reload();
}

function show(run, name, number) {
  const shown = run.querySelector(`[data-count="${name}"]`);
  if (!shown) return;
  shown.textContent = format(number);
  if (number > 0) run.querySelector(`[data-card="${name}"]`).hidden = false;
}
