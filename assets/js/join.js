// The secret of a link travels behind its #, where no server or log sees it. This takes it from the address bar
// at once, before anything else can read it, and posts it in a form's body instead.
//   data-code="/join"   on the body of the pages behind such links: where the code is posted to

import { make } from './dom.js';

function open() {
  const code = location.hash.slice(1);
  // Links inside the page (to the content, to a field with an error) are not codes.
  if (!code || document.getElementById(code)) return;
  history.replaceState(null, '', location.pathname + location.search);
  const action = document.body.dataset.code;
  const form = make('form', { method: 'post', action, hidden: true }, make('input', { type: 'hidden', name: 'code', value: code }));
  document.querySelector('main').replaceChildren(make('p', { role: 'status' }, 'Opening the link…'), form);
  form.submit();
}

export function startJoin() {
  if (!document.body.dataset.code) return;
  open();
  window.addEventListener('hashchange', open);
}
