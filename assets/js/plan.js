// Live progress of a plan that is being sent: the server tells how far it is, and the page shows it without reloading.
//   data-plan-progress   the address of the events; empty when nothing is under way
//   data-plan-what       what is counted, where it is no rows
//
// When it has ended, or the connection says that this person may no longer look, the page is loaded again: the server knows
// what to show then.

import { announce } from './messages.js';

function follow(box, url) {
  const events = new EventSource(url);
  const done = box.querySelector('[data-plan-done]');
  const bar = box.querySelector('[data-plan-bar]');
  let spoken = 0;
  events.addEventListener('message', (event) => {
    const told = JSON.parse(event.data);
    if (done) done.textContent = String(told.done);
    if (bar) bar.value = told.done;
    const tenth = told.total ? Math.floor((told.done * 10) / told.total) : 10;
    if (tenth > spoken) {
      spoken = tenth;
      announce(`${told.done} of ${told.total} ${box.dataset.planWhat ?? 'rows'} done`);
    }
    if (told.state !== 'applying' && told.state !== 'scheduled') {
      events.close();
      location.reload();
    }
  });
  // The stream ends by itself only when there is nothing more to tell to this person.
  events.addEventListener('error', () => {
    events.close();
    setTimeout(() => location.reload(), 2000);
  });
}

export function preparePlan(root) {
  const box = root.querySelector('[data-plan-progress]');
  if (box?.dataset.planProgress) follow(box, box.dataset.planProgress);
}
