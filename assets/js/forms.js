// Comfort for plain forms: the error summary takes the focus, passwords can be shown and are judged while they
// are typed, texts can be copied, dangerous buttons ask first, and a form is not sent twice.
//   data-summary   data-reveal   data-strength="url"   data-copy="id"   data-ask="Heading" (+ -text, -button, -do;
//   data-ask-many with {n} for a selection of rows, which is then listed by name)

import { icon, make, settled } from './dom.js';
import { ask, toast } from './messages.js';

function startReveal(box) {
  const input = box.querySelector('input');
  const button = make('button', { type: 'button', class: 'button', 'aria-pressed': 'false', 'aria-controls': input.id }, 'Show');
  button.setAttribute('aria-label', 'Show password');
  button.addEventListener('click', () => {
    const shown = input.type === 'password';
    input.type = shown ? 'text' : 'password';
    button.textContent = shown ? 'Hide' : 'Show';
    button.setAttribute('aria-label', shown ? 'Hide password' : 'Show password');
    button.setAttribute('aria-pressed', String(shown));
  });
  box.append(button);
  input.form?.addEventListener('submit', () => { input.type = 'password'; });
}

function startStrength(input) {
  const view = input.form.querySelector('[data-strength-view]');
  const meter = view.querySelector('meter');
  const sentence = view.querySelector('p');
  let newest = 0;
  const judge = settled(async () => {
    const turn = ++newest;
    if (!input.value) {
      view.hidden = true;
      return;
    }
    const full_name = input.form.elements.full_name?.value ?? '';
    const answer = await fetch(input.dataset.strength, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ password: input.value, full_name }),
    }).catch(() => null);
    if (!answer?.ok || turn !== newest) return;
    const verdict = await answer.json();
    view.hidden = false;
    meter.value = verdict.enough ? Math.max(verdict.score, 3) : Math.min(verdict.score, 2);
    sentence.textContent = verdict.sentence;
  }, 250);
  input.addEventListener('input', judge);
}

/** Copies `text`; where the browser refuses, the person gets it selected in a window. */
export async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    const field = make('input', { type: 'text', class: 'code', readonly: true, value: text, 'aria-label': 'Text to copy' });
    const box = make('dialog', { class: 'window small', 'aria-label': 'Copy this text' },
      make('form', { class: 'window-body', method: 'dialog' },
        make('p', {}, 'The browser does not let this page copy. Copy the text yourself:'), field,
        make('div', { class: 'actions' }, make('button', { class: 'button primary' }, 'Close'))));
    box.addEventListener('close', () => box.remove());
    document.body.append(box);
    box.showModal();
    field.select();
  }
}

function startCopy(box) {
  const field = document.getElementById(box.dataset.copy) ?? box.querySelector('input');
  box.append(make('button', { type: 'button', class: 'button', onclick: () => copy(field.value, 'Copied') }, icon('copy'), 'Copy'));
  field.addEventListener('focus', () => field.select());
}

async function copyLink(form) {
  const answer = await fetch(form.action, { method: 'POST', headers: { accept: 'application/json' } }).catch(() => null);
  if (!answer?.ok || !answer.headers.get('content-type')?.includes('json')) {
    form.submit();
    return;
  }
  const { link } = await answer.json();
  await copy(link, `Link for ${form.dataset.copyLink} copied. Give it to that person only.`);
}

// The question of a button, then the form as if that button had been pressed.
async function askFirst(form, button) {
  const { ask: one, askText: text, askButton, askDo, askMany } = button.dataset;
  const items = askMany ? [...form.elements].filter((box) => box.dataset.name && box.checked).map((box) => box.dataset.name) : [];
  const heading = items.length ? askMany.replace('{n}', items.length === 1 ? items[0] : `${items.length} people`) : one;
  if (!await ask({ heading, text, items: items.length > 1 ? items : [], button: askButton })) return;
  if (button.name) form.append(make('input', { type: 'hidden', name: button.name, value: askDo ?? button.value }));
  form.dataset.sending = '';
  form.submit();
}

function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.dataset.copyLink !== undefined) {
    event.preventDefault();
    copyLink(form);
  } else if (event.submitter?.dataset.ask) {
    event.preventDefault();
    askFirst(form, event.submitter);
  } else if (form.method === 'post') {
    if (form.dataset.sending !== undefined) event.preventDefault();
    form.dataset.sending = '';
    // Should the answer not come (a lost network), the person may press again.
    setTimeout(() => delete form.dataset.sending, 5000);
  }
}

/** Prepares what is inside `root`; called again for every page that is put into a window. */
export function prepareForms(root) {
  root.querySelectorAll('[data-reveal]').forEach(startReveal);
  root.querySelectorAll('[data-strength]').forEach(startStrength);
  root.querySelectorAll('[data-copy]').forEach(startCopy);
  root.querySelector('[data-summary]')?.focus();
}

export function startForms() {
  // Windows listen on themselves, nearer to the form: what they handle arrives here already prevented.
  document.addEventListener('submit', onSubmit);
  window.addEventListener('pageshow', () => document.querySelectorAll('[data-sending]').forEach((form) => delete form.dataset.sending));
}
