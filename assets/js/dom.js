// The few verbs that every other module builds the page with. Elements are made, never parsed: text goes in
// as text. The one exception is a page that this server answered, which `pageOf` parses by the single
// Trusted Types policy; nothing else can reach that policy.

const sprite = new URL('../icons.svg', import.meta.url).pathname;
const policy = globalThis.trustedTypes?.createPolicy('care-portal', { createHTML: (html) => html });

/** Makes an element: `make('p', { class: 'hint', onclick: f, hidden: true }, 'text', otherElement)`. */
export function make(tag, traits = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(traits)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name, more = '') {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', `icon ${more}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `${sprite}#i-${name}`);
  svg.append(use);
  return svg;
}

export const spoken = (text) => make('span', { class: 'sr' }, text);

/** The document in an answer of this very server, or null when it is none. */
export async function pageOf(answer) {
  const ours = new URL(answer.url).origin === location.origin;
  if (!ours || !answer.headers.get('content-type')?.startsWith('text/html')) return null;
  const html = await answer.text();
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, 'text/html');
}

/** Runs `task` once calls have paused for `wait` milliseconds. */
export function settled(task, wait) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => task(...given), wait);
  };
}

export const plural = (count, one, many) => `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;
