// The scenario is computed as it is typed: the outcome alone is fetched, the address follows, focus stays where it is.
// Without scripts the form has its button.
const form = document.getElementById("scenario");
const outcome = document.getElementById("outcome");
const announcement = document.getElementById("announcement");
const WAIT = 250;
let pending;
let asked = 0;
let under = null;

// Fields that are left as they are say nothing: an address holds what was changed.
function parameters() {
  const found = new URLSearchParams();
  for (const name of ["customer", "segment", "date", "algorithm", "as_segment", "as_type", "every", "lines", "basket", "promo", "depth"]) {
    const field = form.elements.namedItem(name);
    if (field && field.value) found.append(name, field.value);
  }
  for (const row of form.querySelectorAll(".category-row")) {
    const share = row.querySelector("[name=share]").value;
    if (share !== "") { found.append("category", row.querySelector("[name=category]").value); found.append("share", share); }
  }
  for (const row of form.querySelectorAll(".product-row")) {
    const [product, times, last] = ["product", "times", "last"].map((name) => row.querySelector(`[name=${name}]`).value);
    if (product !== "" && times !== "") { found.append("product", product); found.append("times", times); found.append("last", last); }
  }
  return found;
}

async function compute() {
  if (!form.checkValidity()) return;
  const number = ++asked;
  under?.abort();
  under = new AbortController();
  outcome.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.dataset.outcome}?${parameters()}`, { signal: under.signal, headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    // An answer that comes late must not replace a newer one.
    if (number !== asked) return;
    outcome.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    const head = outcome.querySelector("[data-address]");
    if (head) {
      history.replaceState(null, "", head.dataset.address);
      announcement.textContent = head.dataset.announcement;
    }
  } catch (error) {
    if (error.name !== "AbortError") announcement.textContent = form.dataset.failed;
  } finally {
    if (number === asked) outcome.removeAttribute("aria-busy");
  }
}

function later(wait) { clearTimeout(pending); pending = setTimeout(compute, wait); }

// Names of products as they are typed, into the list that the browser shows.
const list = document.getElementById("products");
const known = new Set([...(list?.options ?? [])].map((option) => option.value));
let looking;
async function suggest(text) {
  const answer = await fetch(`${form.dataset.products}?q=${encodeURIComponent(text)}`);
  if (!answer.ok) return;
  for (const product of await answer.json()) {
    if (known.has(String(product.id))) continue;
    known.add(String(product.id));
    const option = document.createElement("option");
    option.value = String(product.id);
    option.textContent = product.name;
    list.append(option);
  }
}

if (form) {
  form.addEventListener("input", (event) => {
    if (event.target.name === "product") {
      clearTimeout(looking);
      const text = event.target.value.trim();
      if (text && !/^\d+$/.test(text)) looking = setTimeout(() => suggest(text), WAIT);
    }
    later(WAIT);
  });
  form.addEventListener("change", (event) => {
    // Another morning has other algorithms and other habits: the whole page is asked for.
    if (event.target.name === "date") { form.requestSubmit(); return; }
    later(0);
  });
  form.addEventListener("submit", (event) => {
    const is_other_morning = document.activeElement?.name === "date";
    if (is_other_morning) return;
    event.preventDefault();
    later(0);
  });
}
