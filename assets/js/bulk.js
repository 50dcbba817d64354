// Several rows at once: the bar shows itself when something is ticked, says how many, and one box ticks all.
// Without script the bar is simply always there.
//   data-bulk   data-one, data-many="people selected"   on its buttons: data-needs="field" data-needs-text="What is missing"

import { plural } from './dom.js';

export function prepareBulk(root) {
  const form = root.querySelector('[data-bulk]');
  if (!form) return;
  // Not form.id: a field named `id` stands in its way.
  const name = form.getAttribute('id');
  const all = root.querySelector('[data-all]');
  const count = form.querySelector('[data-bulk-count]');
  const boxes = () => [...root.querySelectorAll(`input[type="checkbox"][form="${name}"]`)];
  count.setAttribute('role', 'status');

  const show = () => {
    const every = boxes();
    const ticked = every.filter((box) => box.checked).length;
    form.hidden = ticked === 0;
    count.textContent = plural(ticked, form.dataset.one, form.dataset.many);
    all.checked = ticked > 0 && ticked === every.length;
    all.indeterminate = ticked > 0 && ticked < every.length;
  };
  all.hidden = false;
  all.closest('th').querySelector('.sr')?.remove();
  all.addEventListener('change', () => {
    for (const box of boxes()) box.checked = all.checked;
    show();
  });
  let last = null;
  root.addEventListener('click', (event) => {
    const every = boxes();
    const at = every.indexOf(event.target);
    if (at < 0) return;
    // Shift ticks everything between this box and the one before.
    if (event.shiftKey && last !== null) {
      const [from, to] = [Math.min(at, last), Math.max(at, last)];
      for (const box of every.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = at;
    show();
  });
  // A button whose field is empty says so beside the field, instead of losing the selection to an error on the next page.
  form.addEventListener('click', (event) => {
    const pressed = event.target.closest('button');
    if (!pressed) return;
    for (const button of form.querySelectorAll('[data-needs]')) {
      const field = form.elements[button.dataset.needs];
      field.setCustomValidity(button === pressed && !field.value ? button.dataset.needsText : '');
    }
  });
  window.addEventListener('pageshow', show);
  show();
}
