// The address field for a handful of people: each address a chip, with its own remove button and, when
// something is wrong, a red or amber edge, an icon, and its reason in a line below that the chip points to.

import { icon, make, spoken } from './dom.js';
import { announce } from './messages.js';
import { endsAtSpace, split, splitAll } from './split.js';
import { MARK, noteLine, WORD } from './address_notes.js';

export class Chips {
  constructor(list, { label, hint, pendingUrl, id }) {
    this.list = list;
    this.pendingUrl = pendingUrl;
    this.input = make('input', {
      id, class: 'chip-input', type: 'text', inputmode: 'email', autocomplete: 'off', autocapitalize: 'none',
      spellcheck: 'false', 'aria-describedby': hint,
    });
    this.entry = make('li', { class: 'chip-entry' }, this.input);
    this.field = make('ul', { class: 'chips', 'aria-labelledby': label }, this.entry);
    this.notes = make('ul', { class: 'outcomes chip-notes', 'aria-label': 'Addresses to look at' });
    this.view = make('div', { class: 'field' }, this.field, this.notes);
    this.drawn = new Map();

    this.input.addEventListener('keydown', (event) => this.#onInputKey(event));
    this.input.addEventListener('input', (event) => this.#onInput(event));
    this.input.addEventListener('paste', (event) => this.#onPaste(event));
    this.input.addEventListener('blur', () => this.commit());
    this.field.addEventListener('keydown', (event) => this.#onChipKey(event));
    this.field.addEventListener('click', (event) => { if (event.target === this.field || event.target === this.entry) this.input.focus(); });
  }

  /** Takes what stands in the field into the list. */
  commit() {
    const texts = splitAll(this.input.value);
    this.input.value = '';
    this.#add(texts);
  }

  #add(texts) {
    if (!texts.length) return;
    const fresh = this.list.add(texts);
    const [first] = texts;
    if (!fresh) announce(texts.length === 1 ? `${first} is already in the list` : 'All of them are already in the list', this.view);
    else announce(texts.length === 1 ? `${first} added` : `${fresh} addresses added`, this.view);
    this.field.scrollTop = this.field.scrollHeight;
  }

  #onInput(event) {
    if (event.isComposing) return;
    const { value } = this.input;
    if (/\s$/.test(value) && endsAtSpace(value)) {
      this.commit();
      return;
    }
    // A separator ends an address only once there is one: `Lee, Ann <` is still a name.
    if (!value.includes('@')) return;
    const { texts, rest } = split(value);
    if (!texts.length) return;
    this.input.value = rest.trimStart();
    this.#add(texts);
  }

  #onPaste(event) {
    const pasted = event.clipboardData?.getData('text') ?? '';
    if (!/[@\n]/.test(pasted)) return;
    event.preventDefault();
    const { selectionStart: from, selectionEnd: to, value } = this.input;
    this.input.value = '';
    this.#add(splitAll(value.slice(0, from) + pasted + value.slice(to)));
  }

  #onInputKey(event) {
    const { selectionStart, selectionEnd, value } = this.input;
    const atStart = selectionStart === 0 && selectionEnd === 0;
    if (event.key === 'Enter' && !event.isComposing && !event.ctrlKey && !event.metaKey) {
      // Enter never sends from here: it ends an address, or does nothing.
      event.preventDefault();
      if (value.trim()) this.commit();
    } else if ((event.key === 'Backspace' || event.key === 'ArrowLeft') && atStart) {
      const last = this.#buttons().at(-1);
      if (last) {
        event.preventDefault();
        last.focus();
      }
    }
  }

  #buttons() {
    return [...this.field.querySelectorAll('.chip > button')];
  }

  #onChipKey(event) {
    const buttons = this.#buttons();
    const at = buttons.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      (buttons[Math.max(to, 0)] ?? this.input).focus();
    } else if (event.key === 'Backspace' || event.key === 'Delete') {
      event.preventDefault();
      this.#remove(event.target.item, event.key === 'Backspace' ? at - 1 : at);
    }
  }

  #remove(item, next) {
    this.list.remove(item);
    announce(`${item.text} removed`, this.view);
    (this.#buttons()[Math.max(next, 0)] ?? this.input).focus();
  }

  draw() {
    const { list } = this;
    const before = this.drawn;
    this.drawn = new Map();
    // What has not changed stays the same element, so that the focus stays where it is.
    list.items.forEach((item, index) => {
      const look = [item.state, list.goes(item), item.reason, index].join('|');
      const old = before.get(item.key);
      const kept = old && old.look === look && old.item.text === item.text;
      const shown = kept ? old : { look, chip: this.#chip(item, index) };
      if (old && !kept && old.chip.contains(document.activeElement)) shown.refocus = true;
      shown.item = item;
      shown.chip.querySelector('button').item = item;
      this.drawn.set(item.key, shown);
    });
    for (const [key, old] of before) if (this.drawn.get(key)?.chip !== old.chip) old.chip.remove();
    let place = this.field.firstElementChild;
    for (const shown of this.drawn.values()) {
      if (shown.chip === place) place = place.nextElementSibling;
      else this.field.insertBefore(shown.chip, place);
      if (shown.refocus) shown.chip.querySelector('button').focus();
      shown.refocus = false;
    }
    const counts = list.counts();
    this.field.classList.toggle('bad', counts.refused > 0);
    this.notes.replaceChildren(...list.items.flatMap((item, index) => (item.reason && item.state !== 'ready'
      ? [noteLine(list, item, this.pendingUrl, () => this.input.focus(), { id: `note-${index}` })] : [])));
  }

  #chip(item, index) {
    const sure = this.list.goes(item);
    const state = sure ? 'ready' : item.state;
    const remove = make('button', {
      type: 'button', 'aria-label': `Remove ${item.text}`,
      'aria-describedby': item.reason && item.state !== 'ready' ? `note-${index}` : null,
      onclick: (event) => this.#remove(event.currentTarget.item, this.#buttons().indexOf(event.currentTarget)),
    }, icon('close'));
    const chip = make('span', { class: `chip ${state}`, title: item.reason || null });
    if (state !== 'ready') chip.append(icon(MARK[state]), spoken(`${WORD[state]}: `));
    chip.append(make('span', { class: 'cut', title: item.text }, item.text), remove);
    return make('li', {}, chip);
  }
}
