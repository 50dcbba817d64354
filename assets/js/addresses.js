// The list of addresses behind the invite form. It holds what was typed, in order and without repeats, has the
// server judge the whole list after every change, and tells its views by a `change` event. It draws nothing.

import { settled } from './dom.js';
import { sameness, splitAll } from './split.js';

const STATES = ['ready', 'look', 'staff', 'invited', 'refused'];

export class Addresses extends EventTarget {
  /** In order; each has text, state (`checking` until judged), email, reason, suggestion. */
  items = [];
  /** Addresses to be sent although they look odd. */
  confirmed = new Set();
  checking = false;
  /** The server could not be asked; it will judge when the form is sent. */
  unjudged = false;

  #url;
  #keys = new Map();
  #turn = 0;
  #ask = settled(() => this.#check(), 250);

  constructor(url) {
    super();
    this.#url = url;
  }

  get length() {
    return this.items.length;
  }

  get text() {
    return this.items.map((item) => item.text).join('\n');
  }

  /** How many rows are in each state; what is to be sent counts under `sending`. */
  counts() {
    const counts = { checking: 0, sending: 0 };
    for (const state of STATES) counts[state] = 0;
    for (const item of this.items) {
      counts[item.state] += 1;
      if (this.goes(item)) counts.sending += 1;
    }
    return counts;
  }

  goes(item) {
    return item.state === 'ready' || (item.state === 'look' && this.confirmed.has(item.email));
  }

  /** Adds texts; answers how many were new. `from` marks where they come from, so that a file can be taken out again. */
  add(texts, from = null) {
    let fresh = 0;
    for (const text of texts) {
      const key = sameness(text);
      if (!key || this.#keys.has(key)) continue;
      const item = { text, key, state: 'checking', email: '', reason: '', suggestion: null, from };
      this.#keys.set(key, item);
      this.items.push(item);
      fresh += 1;
    }
    if (fresh) this.#changed();
    return fresh;
  }

  addText(text, from = null) {
    return this.add(splitAll(text), from);
  }

  remove(item) {
    this.removeWhere((other) => other === item);
  }

  removeWhere(unwanted) {
    const kept = this.items.filter((item) => !unwanted(item));
    if (kept.length === this.items.length) return;
    this.#hold(kept);
    this.#changed();
  }

  /** Puts another text in an item's place, for example the suggestion. */
  replace(item, text) {
    const key = sameness(text);
    if (this.#keys.has(key) && this.#keys.get(key) !== item) {
      this.remove(item);
      return;
    }
    const fixed = { ...item, text, key, state: 'checking', email: '', reason: '', suggestion: null };
    this.#hold(this.items.map((other) => (other === item ? fixed : other)));
    this.#changed();
  }

  confirm(items) {
    for (const item of items) if (item.email) this.confirmed.add(item.email);
    this.#tell();
  }

  #hold(items) {
    this.items = items;
    this.#keys = new Map(items.map((item) => [item.key, item]));
  }

  #changed() {
    this.#turn += 1;
    this.checking = this.items.length > 0;
    this.#tell();
    this.#ask();
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }

  async #check() {
    const turn = this.#turn;
    if (!this.items.length) {
      this.checking = false;
      this.#tell();
      return;
    }
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ text: this.text }),
    }).then((reply) => (reply.ok ? reply.json() : null)).catch(() => null);
    // The list moved on meanwhile: the check of the newer list is already on its way.
    if (turn !== this.#turn) return;
    this.checking = false;
    this.unjudged = !answer;
    if (answer) this.#take(answer.rows);
    this.#tell();
  }

  // The server's rows are the list, merged; they keep the origin that was noted here.
  #take(rows) {
    const before = this.#keys;
    this.#hold(rows.map((row) => {
      const key = sameness(row.text);
      return { ...row, key, from: before.get(key)?.from ?? null };
    }));
  }
}
