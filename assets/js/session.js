// The end of a session: said a minute before, put off by one press, and what was typed stays on the page.
//   body[data-session-left="seconds"]   form[data-send-at-once]

import { make } from './dom.js';

const WARN = 60;
let dialog = null;
let timer = null;

function window_(heading, text, ...buttons) {
  dialog?.remove();
  dialog = make('dialog', { class: 'window small', role: 'alertdialog', 'aria-labelledby': 'session-heading', 'aria-describedby': 'session-text' },
    make('div', { class: 'window-body' },
      make('h2', { id: 'session-heading' }, heading),
      make('p', { id: 'session-text' }, text),
      make('div', { class: 'actions' }, ...buttons)));
  document.body.append(dialog);
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  dialog.showModal();
}

function close() {
  dialog?.close();
  dialog?.remove();
  dialog = null;
  document.body.classList.remove('covered');
}

async function ask(method) {
  const answer = await fetch('/session', { method, headers: { accept: 'application/json' } }).catch(() => null);
  return answer?.ok ? (await answer.json()).seconds_left : 0;
}

async function stay() {
  const left = await ask('POST');
  if (left > 0) {
    close();
    wait(left);
  } else {
    ended();
  }
}

function warn() {
  window_('You will be signed out in one minute', 'Nothing has been done here for a while. Stay signed in to go on; what you typed is kept either way.',
    make('button', { type: 'button', class: 'button primary', onclick: stay }, 'Stay signed in'));
}

// Other people may walk past: what is private is covered, but not lost.
function ended() {
  document.body.classList.add('covered');
  window_('You have been signed out', 'What you typed is still on this page. Sign in again in a new tab, then come back here and go on.',
    make('a', { class: 'button', href: '/sign-in', target: '_blank', rel: 'noopener' }, 'Sign in (new tab)'),
    make('button', { type: 'button', class: 'button primary', onclick: again }, 'I have signed in: go on'));
}

async function again() {
  const left = await ask('GET');
  if (left <= 0) return;
  close();
  wait(left);
}

function wait(left) {
  clearTimeout(timer);
  // Another tab may have gone on meanwhile: the portal is asked before anything is said.
  timer = setTimeout(async () => {
    const now = await ask('GET');
    if (now > WARN + 1) wait(now);
    else if (now > 0) {
      warn();
      timer = setTimeout(async () => (await ask('GET') > 0 ? wait(await ask('GET')) : ended()), now * 1000 + 500);
    } else ended();
  }, Math.max(0, left - WARN) * 1000);
}

export function startSession() {
  document.querySelector('form[data-send-at-once]')?.requestSubmit();
  const left = Number(document.body.dataset.sessionLeft);
  if (left > 0) wait(left);
}
