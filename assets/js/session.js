// The end of a session: said more than a minute before, put off by one press, and what was typed stays on the page. Whatever is
// private is covered at the end, and uncovered for the same person only.
//   body[data-session-left="seconds"][data-session-of="account"]   form[data-send-at-once]

import { make } from './dom.js';

// A full minute is left once the question is on the screen and has been read out.
const WARN = 70;
const LOOK_AGAIN = 10;
let dialog = null;
let timer = null;
// When the session ends by our own clock, should the portal not answer.
let end = 0;
// Whether it has been said that no press puts it off any more.
let isLast = false;

function say(heading, text, ...buttons) {
  dialog?.remove();
  dialog = make('dialog', { class: 'window small session', role: 'alertdialog', 'aria-labelledby': 'session-heading', 'aria-describedby': 'session-text' },
    make('div', { class: 'window-body' },
      make('h2', { id: 'session-heading' }, heading),
      make('p', { id: 'session-text' }, text),
      make('p', { class: 'said', role: 'status' }),
      make('div', { class: 'actions' }, ...buttons)));
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  // Browsers let a second Escape pass unasked.
  dialog.addEventListener('keydown', (event) => { if (event.key === 'Escape') event.preventDefault(); });
  document.body.append(dialog);
  dialog.showModal();
}

const button = (text, onclick, more = ' primary') => make('button', { type: 'button', class: `button${more}`, onclick }, text);

function close() {
  dialog?.close();
  dialog?.remove();
  dialog = null;
  document.body.classList.remove('covered');
}

// Seconds left, and whose; null when the portal does not answer at all.
async function ask(method) {
  const answer = await fetch('/session', { method, headers: { accept: 'application/json' } }).catch(() => null);
  if (!answer?.ok) return null;
  const { seconds_left: left, person } = await answer.json();
  const session = { left, ours: person === document.body.dataset.sessionOf };
  if (session.ours) end = Date.now() + left * 1000;
  return session;
}

function lookIn(seconds) {
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(0, seconds) * 1000);
}

// Another tab may have gone on meanwhile: the portal is asked before anything is said.
async function look() {
  const session = await ask('GET');
  if (session ? session.left <= 0 || !session.ours : Date.now() > end) ended();
  else if (!session) lookIn(LOOK_AGAIN);
  else if (session.left > WARN) {
    close();
    lookIn(session.left - WARN);
  } else {
    if (!dialog && !isLast) warn();
    lookIn(Math.min(session.left + 0.5, LOOK_AGAIN));
  }
}

function warn() {
  say('You will be signed out in one minute', 'Nothing has been done here for a while. Stay signed in to go on; what you typed is kept either way.',
    button('Stay signed in', stay));
}

async function stay() {
  const session = await ask('POST');
  if (!session) dialog.querySelector('.said').textContent = 'The portal did not answer. Press again.';
  else if (session.left <= 0 || !session.ours) ended();
  else if (session.left > WARN) {
    close();
    lookIn(session.left - WARN);
  } else {
    isLast = true;
    last();
    lookIn(session.left + 0.5);
  }
}

// The day's limit, which no press puts off.
function last() {
  say('You will be signed out in one minute', 'A session lasts one working day and no longer. Finish what you are doing: what you send later than that is kept too, until you have signed in again.',
    button('Go on', close));
}

// Other people may walk past: what is private is covered, but not lost.
function ended() {
  clearTimeout(timer);
  document.body.classList.add('covered');
  say('You have been signed out', 'What you typed is still on this page. Sign in again in a new tab, then come back here and go on.',
    make('a', { class: 'button primary', href: '/sign-in', target: '_blank', rel: 'noopener' }, 'Sign in (new tab)'),
    button('I have signed in: go on', again, ''));
}

async function again() {
  const session = await ask('GET');
  if (session?.left > 0 && session.ours) {
    close();
    lookIn(session.left - WARN);
  } else if (session?.left > 0) {
    // Somebody else works here now. What the page holds is not theirs.
    location.replace('/');
  } else {
    dialog.querySelector('.said').textContent = session ? 'You are not signed in yet.' : 'The portal did not answer. Press again.';
  }
}

export function startSession() {
  document.querySelector('form[data-send-at-once]')?.requestSubmit();
  const left = Number(document.body.dataset.sessionLeft);
  if (!(left > 0)) return;
  end = Date.now() + left * 1000;
  lookIn(left - WARN);
  // Timers sleep with the computer; and a page that comes back from the browser's memory may be another person's.
  document.addEventListener('visibilitychange', () => { if (!document.hidden && !dialog) look(); });
  window.addEventListener('pageshow', async (event) => {
    if (!event.persisted) return;
    document.body.classList.add('covered');
    const session = await ask('GET');
    if (!session || session.left <= 0 || !session.ours) location.reload();
    else {
      close();
      lookIn(session.left - WARN);
    }
  });
}
