// "Import csv file": the chosen file is read by the server, which knows encodings and csv; its addresses join the
// list and nothing is sent. When the encoding was a guess, another can be chosen, and the file is read again.

import { icon, make, plural } from './dom.js';
import { announce } from './messages.js';

export function startImport(form, list) {
  const chooser = form.querySelector('input[type="file"]');
  const note = form.querySelector('[data-file-note]');
  if (!chooser || !note) return;
  let file = null;

  const problem = (text) => {
    note.replaceChildren(make('p', { class: 'field-error', role: 'alert' }, icon('warning'), text));
  };

  const read = async (encoding) => {
    const body = new FormData();
    body.append('file', file);
    if (encoding) body.append('encoding', encoding);
    note.replaceChildren(make('p', { role: 'status' }, `Reading ${file.name}…`));
    const answer = await fetch(form.dataset.file, { method: 'POST', body, headers: { accept: 'application/json' } }).catch(() => null);
    const found = await answer?.json().catch(() => null);
    if (found?.problem) return problem(found.problem);
    if (!answer?.ok || !found) return problem(answer?.status === 413 ? `${file.name} is too large. Split it, and import the parts one after the other.` : `${file.name} could not be read. Try again, or paste the addresses instead.`);
    const from = file;
    list.removeWhere((item) => item.from === from);
    const fresh = list.addText(found.text ?? '', from);
    show(found, fresh);
  };

  const show = (found, fresh) => {
    const merged = found.rows - fresh;
    const sentence = `${plural(found.rows, 'row', 'rows')} read${fresh === found.rows ? '' : `, ${plural(fresh, 'address', 'addresses')} added`}${merged > 0 && fresh ? '; repeats were merged' : ''}. Nothing is sent yet.`;
    note.replaceChildren(make('p', {}, icon('file'), ' ', make('strong', {}, found.name), `: ${sentence}`));
    announce(`${found.name}: ${sentence}`, form);
    if (!found.guessed || !found.encodings?.length) return;
    const choice = make('select', { id: 'encoding', onchange: (event) => read(event.target.value) },
      ...found.encodings.map(({ value, label }) => make('option', { value, selected: label === found.encoding || value === found.encoding }, label)));
    note.append(make('label', { for: 'encoding' }, `Read as ${found.encoding}, which is a guess. If names look wrong, read it as`), choice);
  };

  chooser.addEventListener('change', () => {
    [file] = chooser.files;
    // The addresses are in the list now; the file itself need not travel again with the form.
    chooser.value = '';
    if (file) read();
  });
}
