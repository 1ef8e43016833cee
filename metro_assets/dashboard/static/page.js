// Search as you type: a combobox with a list, after the ARIA authoring practices. Without scripts the form still works.
const input = document.querySelector("[data-search]");
const list = document.getElementById("search-results");
let pending;
let asked = 0;

function close() {
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(step) {
  const options = [...list.querySelectorAll("[role=option]")];
  if (!options.length) return;
  const now = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = options[(now + step + options.length) % options.length];
  options.forEach((option) => option.setAttribute("aria-selected", String(option === next)));
  input.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

function show(found) {
  list.replaceChildren(...found.map((customer, place) => {
    const option = document.createElement("li");
    option.id = `search-option-${place}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.dataset.href = customer.href;
    option.textContent = customer.name;
    const about = document.createElement("small");
    about.textContent = customer.about;
    option.append(about);
    return option;
  }));
  if (!found.length) {
    const none = document.createElement("li");
    none.textContent = input.dataset.none;
    list.append(none);
  }
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
}

async function ask() {
  const text = input.value.trim();
  if (!text) return close();
  const number = ++asked;
  const answer = await fetch(`${input.dataset.search}?q=${encodeURIComponent(text)}`);
  // The session has ended: the page that asks to sign in comes in place of this one, and leads back.
  if (answer.status === 401) location.reload();
  // An answer that comes late must not replace a newer one.
  if (number === asked && answer.ok) show(await answer.json());
}

if (input) {
  input.addEventListener("input", () => { clearTimeout(pending); pending = setTimeout(ask, 120); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(event.key === "ArrowDown" ? 1 : -1); }
    if (event.key === "Escape") close();
    const chosen = list.querySelector("[aria-selected=true]");
    if (event.key === "Enter" && !list.hidden && chosen) { event.preventDefault(); location.assign(chosen.dataset.href); }
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[data-href]");
    if (option) location.assign(option.dataset.href);
  });
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest("input, select, textarea");
    if (event.key === "/" && !writes) { event.preventDefault(); input.focus(); }
  });
}

// A choice is sent as soon as it is made; without scripts there is a button.
for (const form of document.querySelectorAll("form[data-at-once]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
