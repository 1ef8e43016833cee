// A button that prints the page; without scripts the browser's own menu does, so the button only appears with them.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
