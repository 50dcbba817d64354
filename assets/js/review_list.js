// The address field for many people: counts that filter, a search, problems first, and at most 200 rows drawn,
// so that ten thousand addresses stay quick. Single addresses are added by the line at its top.

import { icon, make, plural, settled } from './dom.js';
import { announce } from './messages.js';
import { MARK, noteLine, WORD } from './address_notes.js';

const STEP = 200;
const ORDER = { refused: 0, look: 1, invited: 2, staff: 3, checking: 4, ready: 5 };

export class ReviewList {
  constructor(list, { hint, pendingUrl, id }) {
    this.list = list;
    this.pendingUrl = pendingUrl;
    this.filter = null;
    this.limit = STEP;
    this.input = make('input', {
      id, type: 'text', inputmode: 'email', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
      placeholder: 'Add more addresses', 'aria-describedby': hint,
    });
    this.counts = make('div', { class: 'counts', role: 'group', 'aria-label': 'Show only' });
    this.search = make('input', { type: 'search', placeholder: 'Search this list', 'aria-label': 'Search this list', autocomplete: 'off' });
    this.rows = make('ul', { class: 'outcomes long-list', tabindex: '0', 'aria-label': 'Addresses' });
    this.foot = make('div', { class: 'buttons' });
    this.view = make('div', { class: 'long-review' },
      make('div', { class: 'entry-row' }, this.input, make('button', { type: 'button', class: 'button', onclick: () => this.commit(true) }, 'Add')),
      this.counts,
      make('div', { class: 'search', role: 'search' }, icon('search'), this.search),
      this.rows, this.foot);

    this.input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing) return;
      event.preventDefault();
      this.commit(true);
    });
    this.input.addEventListener('paste', (event) => {
      const pasted = event.clipboardData?.getData('text') ?? '';
      if (!/[\n,;]/.test(pasted)) return;
      event.preventDefault();
      announce(plural(list.addText(pasted), 'address added', 'addresses added'), this.view);
    });
    this.search.addEventListener('input', settled(() => this.#again(), 120));
    this.search.addEventListener('keydown', (event) => { if (event.key === 'Enter') event.preventDefault(); });
  }

  commit(aloud = false) {
    const text = this.input.value;
    this.input.value = '';
    if (!text.trim()) return;
    const fresh = this.list.addText(text);
    if (aloud) announce(fresh ? plural(fresh, 'address added', 'addresses added') : 'Already in the list', this.view);
  }

  #again() {
    this.limit = STEP;
    this.draw();
  }

  draw() {
    const { list } = this;
    const counts = list.counts();
    if (this.filter && !counts[this.filter]) this.filter = null;
    this.#drawCounts(counts);

    const wanted = this.search.value.trim().toLowerCase();
    const found = list.items
      .filter((item) => (!this.filter || item.state === this.filter) && (!wanted || item.text.toLowerCase().includes(wanted)))
      .sort((a, b) => ORDER[a.state] - ORDER[b.state]);
    const focused = this.rows.contains(document.activeElement);
    this.rows.replaceChildren(...found.slice(0, this.limit).map((item) => noteLine(list, item, this.pendingUrl, () => this.rows.focus(), { removable: true })));
    if (!found.length) this.rows.append(make('li', { class: 'quiet' }, 'Nothing here matches.'));
    if (focused && !this.rows.contains(document.activeElement)) this.rows.focus();
    this.#drawFoot(found, counts);
  }

  #drawCounts(counts) {
    const choices = [[null, 'All', list => list.length], ...['ready', 'look', 'staff', 'invited', 'refused', 'checking'].map((state) => [state, WORD[state], () => counts[state]])];
    const focused = this.counts.contains(document.activeElement);
    this.counts.replaceChildren(...choices.filter(([state]) => !state || counts[state]).map(([state, word, count]) => make('button', {
      type: 'button', class: state ? `is-${state}` : '', 'aria-pressed': String(this.filter === state),
      onclick: () => {
        this.filter = state;
        this.#again();
        this.counts.querySelector('[aria-pressed="true"]')?.focus();
      },
    }, state ? icon(MARK[state]) : null, `${word} ${count(this.list).toLocaleString('en-GB')}`)));
    if (focused && !this.counts.contains(document.activeElement)) this.counts.querySelector('[aria-pressed="true"]')?.focus();
  }

  #drawFoot(found, counts) {
    const { list } = this;
    this.foot.replaceChildren();
    const button = (label, act) => this.foot.append(make('button', { type: 'button', class: 'button small', onclick: act }, label));
    if (found.length > this.limit) {
      button(`Show ${Math.min(STEP, found.length - this.limit)} more of ${found.length.toLocaleString('en-GB')}`, () => {
        this.limit += STEP;
        this.draw();
      });
    }
    const odd = list.items.filter((item) => item.state === 'look' && !list.goes(item));
    if (odd.length > 1) button(`Send to all ${odd.length} that need a second look`, () => list.confirm(odd));
    if (counts.refused > 1) button(`Remove all ${counts.refused} refused`, () => list.removeWhere((item) => item.state === 'refused'));
  }
}
