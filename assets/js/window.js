// Opens a page's main content in a window over the list it was called from. Links marked data-window do; forms
// inside are sent by fetch and their answer takes the window's place. Whatever does not fit (a sign-in page, an
// error of the network) becomes an ordinary page again. Closing gives the focus back and renews the list behind.

import { icon, make, pageOf } from './dom.js';
import { ask, toast } from './messages.js';
import { unsaved as unsavedInvite } from './invite.js';
import { unsavedRole } from './roles.js';

const unsaved = (root) => unsavedInvite(root) ?? unsavedRole(root);

let prepare = () => {};
let current = null;

class PageWindow {
  constructor(opener) {
    this.opener = opener;
    this.changed = false;
    this.body = make('div', { class: 'window-body' });
    this.dialog = make('dialog', { class: 'window' },
      make('div', { class: 'window-close' }, make('button', { type: 'button', class: 'button icon-only quiet-button', 'aria-label': 'Close', onclick: () => this.leave() }, icon('close'))),
      this.body);
    this.dialog.addEventListener('cancel', (event) => {
      if (event.target !== this.dialog) return;
      event.preventDefault();
      this.leave();
    });
    // Browsers let a second Escape pass unasked; this does not.
    this.dialog.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.preventDefault();
      this.leave();
    });
    this.dialog.addEventListener('submit', (event) => this.#onSubmit(event));
    this.dialog.addEventListener('click', (event) => this.#onClick(event));
    document.body.append(this.dialog);
  }

  async show(url, init) {
    this.dialog.setAttribute('aria-busy', 'true');
    const answer = await fetch(url, { headers: { accept: 'text/html' }, ...init }).catch(() => null);
    this.dialog.removeAttribute('aria-busy');
    if (!answer) {
      toast('The portal did not answer. Nothing was changed; please try again.');
      return this.dialog.open;
    }
    const prove = answer.headers.get('prove-at');
    if (prove) {
      // What was typed is kept; the browser need not ask about leaving it.
      this.asking = true;
      location.assign(prove);
      return true;
    }
    if (answer.type === 'opaqueredirect') {
      location.reload();
      return true;
    }
    const landed = new URL(answer.url);
    const page = await pageOf(answer);
    const main = page?.querySelector('#main');
    if (!main || page.body.classList.contains('plain')) {
      location.assign(landed.href);
      return true;
    }
    this.#fill(main);
    return true;
  }

  #fill(main) {
    this.body.replaceChildren(...document.importNode(main, true).childNodes);
    const heading = this.body.querySelector('h1');
    if (heading) {
      heading.id ||= 'window-heading';
      heading.tabIndex = -1;
      this.dialog.setAttribute('aria-labelledby', heading.id);
    }
    if (this.body.querySelector('[data-changed]')) this.changed = true;
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    prepare(this.body);
    const first = this.body.querySelector('[data-summary]') ?? this.body.querySelector('[autofocus]') ?? this.body.querySelector('#addresses') ?? heading;
    first?.focus();
  }

  #onSubmit(event) {
    const form = event.target;
    if (event.defaultPrevented || form.method !== 'post' || event.submitter?.dataset.ask) return;
    event.preventDefault();
    if (this.dialog.getAttribute('aria-busy')) return;
    const fields = new FormData(form, event.submitter);
    const body = form.enctype === 'multipart/form-data' ? fields : new URLSearchParams(fields);
    // Where the answer to success is the list itself, it is left to the page behind, with its message.
    const redirect = form.dataset.thenLeave === undefined ? 'follow' : 'manual';
    this.show(event.submitter?.getAttribute('formaction') ?? form.getAttribute('action'), { method: 'POST', body, redirect });
  }

  #onClick(event) {
    const link = event.target.closest('a[href]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (link.hasAttribute('data-close')) {
      event.preventDefault();
      this.leave();
    } else if (link.hasAttribute('data-window')) {
      event.preventDefault();
      event.stopPropagation();
      this.show(link.href);
    } else if (!link.getAttribute('href').startsWith('#') && unsaved(this.body)) {
      event.preventDefault();
      this.mayLeave().then((yes) => { if (yes) location.assign(link.href); });
    }
  }

  async mayLeave() {
    const work = unsaved(this.body);
    if (!work || this.asking) return !work;
    this.asking = true;
    const yes = await ask({
      heading: 'Leave without sending?',
      text: work.size ? `The ${work.size === 1 ? 'address' : `${work.size} addresses`} in this window will be lost.` : 'What you typed will be lost.',
      button: 'Leave', cancel: 'Keep editing',
    });
    this.asking = false;
    return yes;
  }

  async leave() {
    if (!await this.mayLeave()) return;
    const toasts = this.dialog.querySelector('#toasts');
    if (toasts) document.body.append(toasts);
    this.dialog.close();
    this.dialog.remove();
    current = null;
    if (this.changed) await renew();
    const again = this.opener.isConnected ? this.opener : [...document.querySelectorAll('a[data-window]')].find((link) => link.href === this.opener.href && link.checkVisibility());
    const hidden = again?.closest('details:not([open])')?.querySelector('summary');
    (hidden ?? again ?? document.getElementById('main')).focus();
  }
}

// Fetches the list behind once more, because the window changed what it shows.
async function renew() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
  const main = answer?.ok ? (await pageOf(answer))?.querySelector('#main') : null;
  if (!main) return;
  const here = document.getElementById('main');
  here.replaceChildren(...document.importNode(main, true).childNodes);
  prepare(here);
}

export function startWindows(prepareRoot) {
  prepare = prepareRoot;
  document.addEventListener('click', async (event) => {
    const link = event.target.closest('a[data-window]');
    if (!link || current || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    // On the invite page itself the link has nothing to cover.
    if (document.querySelector('#main [data-invite]')) return;
    event.preventDefault();
    current = new PageWindow(link);
    if (!await current.show(link.href)) {
      current.dialog.remove();
      current = null;
    }
  });
  window.addEventListener('beforeunload', (event) => {
    const sending = document.querySelector('form[data-sending]');
    if (!sending && !current?.asking && unsaved(document)) event.preventDefault();
  });
}
