// The invite form: puts the address field together (chips for few, a review list for many), explains the chosen
// role, and keeps the send button truthful: it says how many will be sent, or why it cannot send yet.

import { make, plural } from './dom.js';
import { announce } from './messages.js';
import { Addresses } from './addresses.js';
import { Chips } from './chips.js';
import { ReviewList } from './review_list.js';
import { startImport } from './import.js';

const MANY = 100;

class InviteForm {
  constructor(form) {
    this.form = form;
    this.textarea = form.querySelector('[data-addresses]');
    this.send = form.querySelector('[data-send]');
    this.reason = form.querySelector('[data-send-reason]');
    this.role = form.querySelector('[data-role]');
    this.list = new Addresses(form.dataset.check);
    this.hidden = make('div', { hidden: true });
    form.append(this.hidden);
    this.reason.setAttribute('role', 'status');

    for (const box of form.querySelectorAll('[name="confirmed"]:checked')) this.list.confirmed.add(box.value);
    form.querySelector('[data-review]')?.remove();
    this.#setUpField();
    startImport(form, this.list);
    this.list.addEventListener('change', () => this.draw());
    form.addEventListener('change', () => this.#drawSend());
    form.addEventListener('submit', (event) => this.#onSubmit(event), true);
    this.list.addText(this.textarea.value);
    this.draw();
  }

  #setUpField() {
    const { textarea } = this;
    const traits = { label: 'addresses-label', hint: textarea.getAttribute('aria-describedby'), pendingUrl: this.form.dataset.pending, id: textarea.id };
    // The label keeps pointing to whatever takes the textarea's place; the textarea still carries the text.
    textarea.removeAttribute('id');
    textarea.removeAttribute('aria-invalid');
    textarea.hidden = true;
    this.few = new Chips(this.list, traits);
    this.many = new ReviewList(this.list, traits);
    this.field = this.few;
    textarea.after(this.field.view);
  }

  get dirty() {
    return this.list.length > 0 || this.field.input.value.trim() !== '';
  }

  get size() {
    return this.list.length;
  }

  draw() {
    const wanted = this.list.length > MANY ? this.many : this.few;
    if (wanted !== this.field) {
      const focused = this.field.view.contains(document.activeElement);
      wanted.input.value = this.field.input.value;
      this.field.input.value = '';
      this.field.view.replaceWith(wanted.view);
      this.field = wanted;
      if (focused) wanted.input.focus();
      if (wanted === this.many) announce('The list is long now: it is shown as a list with filters', this.form);
    }
    this.field.draw();
    this.textarea.value = this.list.text;
    // All that were confirmed, also while they are being judged anew.
    this.hidden.replaceChildren(...[...this.list.confirmed].map((email) => make('input', { type: 'hidden', name: 'confirmed', value: email })));
    this.#drawSend();
  }

  /** Why sending is not possible yet, or nothing. */
  #obstacle(counts) {
    const { list, form } = this;
    if (!list.length) return 'Add at least one e-mail address.';
    if (list.checking) return 'Checking the addresses…';
    if (list.unjudged) return '';
    if (!counts.sending) return 'None of these addresses can be sent to yet.';
    if (!this.role.value) return 'Choose a role.';
    if (form.querySelector('[name="window"]:checked')?.value === 'own' && !form.querySelector('#own_date')?.value) return 'Choose the last day on which the link works.';
    return '';
  }

  #drawSend() {
    const counts = this.list.counts();
    const obstacle = this.#obstacle(counts);
    const left = this.list.length - counts.sending;
    for (const panel of this.form.querySelectorAll('[data-role-key]')) panel.classList.toggle('chosen', panel.dataset.roleKey === this.role.value);
    const label = counts.sending && !this.list.unjudged ? `Send ${plural(counts.sending, 'invite', 'invites')}` : 'Send invites';
    if (this.send.textContent !== label) this.send.textContent = label;
    this.send.setAttribute('aria-disabled', String(Boolean(obstacle)));
    this.send.setAttribute('aria-describedby', this.reason.id);
    const said = obstacle
      || (this.list.unjudged ? 'The addresses could not be checked now. They are checked when you send.' : '')
      || (left ? `${left.toLocaleString('en-GB')} will not be sent.` : '');
    if (this.reason.textContent !== said) this.reason.textContent = said;
  }

  // Before anyone else sees the event: what is still being typed counts, and a closed button stays closed.
  #onSubmit(event) {
    const typed = this.field.input.value.trim() !== '';
    this.field.commit();
    const stop = typed || this.send.getAttribute('aria-disabled') === 'true';
    if (!stop || event.submitter !== this.send) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    announce(this.reason.textContent, this.form);
    if (!this.list.length) this.field.input.focus();
    else if (!this.role.value) this.role.focus();
  }
}

const started = new WeakMap();

/** Prepares the invite form inside `root`, if there is one. */
export function prepareInvite(root) {
  const form = root.querySelector('[data-invite]');
  if (form) started.set(form, new InviteForm(form));
}

/** The invite form inside `root` and whether leaving it would lose something. */
export function unsaved(root) {
  const form = root.querySelector('[data-invite]');
  const invite = form && started.get(form);
  return invite?.dirty ? { size: invite.size } : null;
}
