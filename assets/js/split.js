// Cuts typed or pasted text into address texts. Only cutting: whether a text is an address is judged by the
// server. Separators inside quotes or angle brackets do not count: `"Lee, Ann" <ann@b.example>` is one text.

/** All complete texts, and what is left after the last separator. */
export function split(text) {
  const texts = [];
  let current = '';
  let quoted = false;
  let bracketed = false;
  for (const sign of text) {
    if (sign === '\n' || sign === '\r') {
      quoted = bracketed = false;
    } else if (sign === '"') {
      quoted = !quoted;
    } else if (!quoted && (sign === '<' || sign === '>')) {
      bracketed = sign === '<';
    }
    const cut = sign === '\n' || sign === '\r' || (!quoted && !bracketed && /[,;\t]/.test(sign));
    if (cut) {
      texts.push(current);
      current = '';
    } else {
      current += sign;
    }
  }
  return { texts: texts.flatMap(spaced).filter(Boolean), rest: current };
}

/** The same, for a text that is complete to its end. */
export const splitAll = (text) => split(`${text}\n`).texts;

// `a@b c@d` is two addresses; `Ann Lee <a@b>` and `ann lee@b` are one text each.
function spaced(text) {
  const whole = text.trim();
  const words = whole.split(/\s+/);
  return words.length > 1 && words.every((word) => /^[^<>"@]+@[^<>"@]+$/.test(word)) ? words : [whole];
}

/** Does a space after this text end an address? Yes for `a@b`, no inside a name, a quote or a bracket. */
export function endsAtSpace(text) {
  const whole = text.trim();
  if (!whole.includes('@')) return false;
  const quotes = (whole.match(/"/g) ?? []).length;
  const open = whole.lastIndexOf('<') > whole.lastIndexOf('>');
  return quotes % 2 === 0 && !open && (whole.endsWith('>') || !/\s/.test(whole));
}

/** What two texts have in common when they name the same mailbox; good enough to merge while typing. */
export function sameness(text) {
  const inside = /<([^<>]*)>\s*$/.exec(text);
  return (inside ? inside[1] : text).trim().replace(/^mailto:/i, '').toLowerCase();
}
