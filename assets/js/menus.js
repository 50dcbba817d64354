// Menus are <details>, so they work without this. Script closes them by Escape, by a click elsewhere and by
// leaving with the keyboard, moves between entries with the arrow keys, and opens upwards near the bottom.

const entries = (menu) => [...menu.querySelectorAll('.panel a, .panel button')];

function close(menu, refocus) {
  if (!menu.open) return;
  menu.open = false;
  if (refocus) menu.querySelector('summary').focus();
}

function onKey(event) {
  const menu = event.target.closest?.('details.menu');
  if (!menu) return;
  if (event.key === 'Escape' && menu.open) {
    event.preventDefault();
    event.stopPropagation();
    close(menu, true);
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const edge = { Home: 0, End: -1 }[event.key];
  if (step === undefined && (edge === undefined || !menu.open)) return;
  event.preventDefault();
  menu.open = true;
  const all = entries(menu);
  const here = all.indexOf(document.activeElement);
  const next = step ? (here < 0 ? (step > 0 ? 0 : all.length - 1) : (here + step + all.length) % all.length) : edge;
  all.at(next)?.focus();
}

function place(menu) {
  const panel = menu.querySelector('.panel');
  menu.classList.remove('upward');
  const box = panel.getBoundingClientRect();
  // A list that scrolls by itself cuts off what reaches beyond it, and its head lies over the rows below.
  const list = menu.closest('.scroller');
  const cut = list && getComputedStyle(list).overflowY !== 'visible' && list.getBoundingClientRect();
  const bottom = Math.min(innerHeight - 4, cut ? cut.bottom : Infinity);
  const above = menu.getBoundingClientRect().top - (cut ? cut.top + 40 : 56);
  if (box.bottom > bottom && above > box.height) menu.classList.add('upward');
}

export function startMenus() {
  document.addEventListener('keydown', onKey, true);
  document.addEventListener('click', (event) => {
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      const entry = event.target.closest('.panel a, .panel button');
      if (!menu.contains(event.target) || (entry && menu.contains(entry))) close(menu, false);
    }
  });
  document.addEventListener('focusin', (event) => {
    for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(event.target)) close(menu, false);
  });
  document.addEventListener('toggle', (event) => {
    if (event.target.matches?.('details.menu') && event.target.open) place(event.target);
  }, true);
}
