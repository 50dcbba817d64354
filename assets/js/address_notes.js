// What is wrong with an address and what can be done about it, as a line of buttons: shared by the notes under
// the chips and by the long review list.

import { icon, make, spoken } from './dom.js';

export const MARK = { checking: 'clock', ready: 'check', look: 'amber', staff: 'info', invited: 'info', refused: 'red' };
export const WORD = { checking: 'Checking', ready: 'Ready', look: 'Look again', staff: 'Already staff', invited: 'Already invited', refused: 'Refused' };

/** The buttons for one address. `after` is called when the list has been changed by one of them. */
export function remedies(list, item, pendingUrl, after) {
  const buttons = make('span', { class: 'buttons' });
  const add = (label, more, act) => buttons.append(make('button', {
    type: 'button', class: 'button small', onclick: () => { act(); after(); },
  }, label, spoken(more)));
  if (item.suggestion) add(`Use ${item.suggestion}`, ` instead of ${item.text}`, () => list.replace(item, item.suggestion));
  if (item.state === 'look' && !list.confirmed.has(item.email)) add('Send all the same', ` to ${item.text}`, () => list.confirm([item]));
  if (item.state === 'invited') buttons.append(make('a', { href: pendingUrl }, 'See pending invitations'));
  return buttons;
}

/** One address with its state and reason. */
export function noteLine(list, item, pendingUrl, after, { id, removable = false } = {}) {
  const confirmed = item.state === 'look' && list.confirmed.has(item.email);
  const line = make('li', { id },
    make('span', { class: `state is-${confirmed ? 'ready' : item.state}` },
      icon(confirmed ? 'check' : MARK[item.state]), confirmed ? 'Will be sent' : item.state_word ?? WORD[item.state]),
    make('span', { class: 'note-text' }, make('span', { class: 'strong break' }, item.text), item.reason ? ` ${item.reason}` : ''));
  const buttons = remedies(list, item, pendingUrl, after);
  // Beside the text rather than among the buttons below it, so that most rows need one line.
  if (removable) {
    line.append(make('button', {
      type: 'button', class: 'button small icon-only quiet-button', 'aria-label': `Remove ${item.text}`,
      onclick: () => { list.remove(item); after(); },
    }, icon('close')));
  }
  if (buttons.children.length) line.append(buttons);
  return line;
}
