// Charts of readings: the value under the pointer, and from reading to reading by the keyboard. Without it every mark has a title of
// its own, and the table has everything.
//   data-chart on the figure, data-plot around each drawing, data-readout for the words
//
// To the keyboard a drawing is one stop, a slider whose value is the text of a reading: screen readers know it and speak each step.

const SVG = 'http://www.w3.org/2000/svg';

/** The readings of a drawing from left to right, each with the marks that stand for it. */
function readingsOf(svg) {
  const found = new Map();
  for (const mark of svg.querySelectorAll('.dot')) {
    const title = mark.querySelector('title');
    const box = mark.getBBox();
    const reading = found.get(mark.dataset.n) ?? { says: title.textContent, x: box.x + box.width / 2, marks: [] };
    reading.marks.push(mark);
    found.set(mark.dataset.n, reading);
    // The browser's own hint would come late and stand in the way.
    title.remove();
  }
  return [...found.values()].sort((one, other) => one.x - other.x);
}

function startPlot(plot, readout, label) {
  const svg = plot.querySelector('svg');
  let readings = null;
  let at = -1;
  const line = document.createElementNS(SVG, 'line');
  line.setAttribute('class', 'cursor');

  // A drawing that is not shown has no measures, and the window may become wider.
  const ready = () => {
    if (!readings && svg.getBoundingClientRect().width > 0) {
      readings = readingsOf(svg);
      plot.setAttribute('aria-valuemin', '1');
      plot.setAttribute('aria-valuemax', String(readings.length));
    }
    return readings ?? [];
  };
  const show = (next) => {
    const all = ready();
    if (!all.length) return;
    all[at]?.marks.forEach((mark) => mark.classList.remove('here'));
    at = Math.max(0, Math.min(all.length - 1, next));
    const { says, x, marks } = all[at];
    marks.forEach((mark) => mark.classList.add('here'));
    const { height } = svg.viewBox.baseVal;
    for (const [name, value] of [['x1', x], ['x2', x], ['y1', 18], ['y2', height - 26]]) line.setAttribute(name, value);
    svg.querySelector('.dot').before(line);
    plot.setAttribute('aria-valuenow', String(at + 1));
    plot.setAttribute('aria-valuetext', says);
    readout.textContent = says;
    readout.hidden = false;
  };
  const hide = () => {
    ready()[at]?.marks.forEach((mark) => mark.classList.remove('here'));
    line.remove();
    readout.hidden = true;
  };

  plot.tabIndex = 0;
  plot.setAttribute('role', 'slider');
  plot.setAttribute('aria-label', `${label}: arrow keys go from reading to reading`);
  plot.setAttribute('aria-valuenow', '1');
  plot.setAttribute('aria-valuetext', svg.getAttribute('aria-label'));
  plot.addEventListener('focus', () => show(at < 0 ? ready().length - 1 : at));
  plot.addEventListener('blur', hide);
  plot.addEventListener('keydown', (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) {
      event.preventDefault();
      show(at + steps[event.key]);
    } else if (event.key === 'Escape') {
      hide();
    }
  });
  const point = (event) => {
    const all = ready();
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    let nearest = -1;
    all.forEach((reading, n) => {
      if (nearest < 0 || Math.abs(reading.x - x) < Math.abs(all[nearest].x - x)) nearest = n;
    });
    show(nearest);
  };
  plot.addEventListener('pointermove', point);
  plot.addEventListener('pointerdown', point);
  plot.addEventListener('pointerleave', () => { if (document.activeElement !== plot) hide(); });
}

export function prepareCharts(root) {
  for (const chart of root.querySelectorAll('[data-chart]')) {
    const readout = chart.querySelector('[data-readout]');
    chart.querySelectorAll('[data-plot]').forEach((plot) => startPlot(plot, readout, chart.getAttribute('aria-label')));
  }
}
