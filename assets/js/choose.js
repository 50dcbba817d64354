// Lists to choose from inside a table: choosing saves at once, where that is what the person means.
//   data-choose on a form with one <select> and one button
//
// A closed <select> changes its value with every arrow key and every letter typed, so saving on each change would
// give a colleague a wrong role on the way to the right one, with no chance to stop (WCAG 3.2.2). So only a choice made
// with mouse or finger, which closes the list, saves at once. With the keyboard the button appears beside
// the list as soon as the choice differs from what is saved: Enter in the list or the button saves, Escape takes the
// choice back. Leaving the list saves nothing.

import { announce } from './messages.js';

function startChoose(form) {
  const select = form.querySelector('select');
  const button = form.querySelector('button');
  const saved = select.value;
  let byPointer = false;
  const differs = () => select.value !== saved;
  const show = () => { button.hidden = !differs(); };

  select.addEventListener('pointerdown', () => { byPointer = true; });
  select.addEventListener('keydown', (event) => {
    byPointer = false;
    if (event.key === 'Enter' && differs()) {
      event.preventDefault();
      form.requestSubmit(button);
    } else if (event.key === 'Escape' && differs()) {
      event.preventDefault();
      select.value = saved;
      show();
    }
  });
  select.addEventListener('change', () => {
    show();
    if (!differs()) return;
    if (byPointer) form.requestSubmit(button);
    else announce('Press Enter to change the role, Escape to keep it.');
  });
  // Coming back by the browser's Back finds what is saved, not what was chosen.
  window.addEventListener('pageshow', () => {
    select.value = saved;
    show();
  });
  show();
}

export function prepareChoose(root) {
  root.querySelectorAll('[data-choose]').forEach(startChoose);
}
