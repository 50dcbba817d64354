// The secret of an invitation travels behind the # of its link, where no server or log sees it. This takes it
// from the address bar at once, before anything else can read it, and posts it in a form's body instead.

import { make } from './dom.js';

function open() {
  const code = location.hash.slice(1);
  // Links inside the page (to the content, to a field with an error) are not codes.
  if (!code || document.getElementById(code)) return;
  history.replaceState(null, '', location.pathname + location.search);
  const form = make('form', { method: 'post', action: '/join', hidden: true }, make('input', { type: 'hidden', name: 'code', value: code }));
  document.querySelector('main').replaceChildren(make('p', { role: 'status' }, 'Opening your invitation…'), form);
  form.submit();
}

export function startJoin() {
  if (!('join' in document.body.dataset)) return;
  open();
  window.addEventListener('hashchange', open);
}
