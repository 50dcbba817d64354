// A button that prints the page. Browsers can do it themselves, so without script there is no such button.
export function preparePrint(root) {
  for (const button of root.querySelectorAll('[data-print]')) {
    button.hidden = false;
    button.addEventListener('click', () => window.print());
  }
}
