// What is said to the person outside the page's own text: toasts in the live region, sentences for screen
// readers only, and the small question before something that cannot be undone.

import { icon, make } from './dom.js';

/** Shows a message for a while; it stays as long as it is pointed at or focused. */
export function toast(text) {
  const region = document.getElementById('toasts');
  if (!region) return;
  const box = make('div', { class: 'toast' }, make('span', {}, text));
  const gone = () => {
    box.remove();
    if (!region.children.length && region.popover) region.hidePopover();
  };
  box.append(make('button', { type: 'button', 'aria-label': 'Close message', onclick: gone }, icon('close')));
  region.append(box);
  raise(region);
  let timer = setTimeout(gone, 7000);
  const wait = () => clearTimeout(timer);
  const resume = () => {
    wait();
    timer = setTimeout(gone, 4000);
  };
  box.addEventListener('pointerenter', wait);
  box.addEventListener('focusin', wait);
  box.addEventListener('pointerleave', resume);
  box.addEventListener('focusout', resume);
}

// A window covers everything but popovers: as one, the region is seen above it.
function raise(region) {
  if (!region.showPopover) return;
  const open = [...document.querySelectorAll('dialog[open]')].at(-1);
  const home = open ?? document.body;
  if (region.parentElement !== home) home.append(region);
  region.popover = 'manual';
  if (!region.matches(':popover-open')) region.showPopover();
}

/** Says `text` to screen readers, without showing it. `near` must be inside an open window, where there is one. */
export function announce(text, near = document.body) {
  const home = near.closest('dialog') ?? document.body;
  let region = home.querySelector(':scope > [data-announcer]');
  if (!region) {
    region = make('div', { class: 'sr', 'data-announcer': true, 'aria-live': 'polite' });
    home.append(region);
  }
  region.textContent = '';
  setTimeout(() => { region.textContent = text; }, 60);
}

/** Asks; answers true only for the button. Escape and Cancel mean no. */
export function ask({ heading, text, items = [], button, cancel = 'Cancel', danger = true }) {
  return new Promise((resolve) => {
    const box = make('dialog', { class: 'window small', 'aria-labelledby': 'ask-heading', 'aria-describedby': 'ask-text' });
    box.append(make('form', { class: 'window-body', method: 'dialog' },
      make('h2', { id: 'ask-heading' }, heading),
      make('p', { id: 'ask-text' }, text),
      items.length ? make('ul', { class: 'items', tabindex: 0, 'aria-label': 'Who' }, ...items.map((item) => make('li', {}, item))) : null,
      make('div', { class: 'actions' },
        make('button', { class: 'button', value: '', autofocus: true }, cancel),
        make('button', { class: `button ${danger ? 'danger filled' : 'primary'}`, value: 'yes' }, button))));
    const before = document.activeElement;
    box.addEventListener('close', () => {
      box.remove();
      before?.focus?.();
      resolve(box.returnValue === 'yes');
    });
    document.body.append(box);
    box.showModal();
  });
}
