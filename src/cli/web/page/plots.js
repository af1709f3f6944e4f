/** History as plots. Each is also a slider: arrow keys go back in time and say the values there. */

import { html, setAttributes, setText, svg } from './dom.js';
import { byteRateText, countText, rateText, scaleEnd, timeText } from './format.js';
import { SHOWN_SAMPLES } from './model.js';

/** @typedef {import('../messages.ts').Sample} Sample */
/**
 * @typedef {{
 *   title: string,
 *   series: { name: string, field: Exclude<keyof Sample, 'timeMs'> }[],
 *   text: (value: number) => string,
 *   ofBytes?: true,
 *   bars?: true,
 * }} PlotOptions
 */

/** @type {PlotOptions[]} */
const PLOTS = [
  {
    title: 'Put and get',
    series: [
      { name: 'put', field: 'bytesPut' },
      { name: 'got', field: 'bytesGot' },
    ],
    text: byteRateText,
    ofBytes: true,
  },
  {
    title: 'Events',
    series: [
      { name: 'posted', field: 'posts' },
      { name: 'consumed', field: 'waits' },
    ],
    text: rateText,
  },
  {
    title: 'Segments and connections',
    series: [
      { name: 'segments', field: 'segments' },
      { name: 'connections', field: 'connections' },
    ],
    text: countText,
  },
  {
    title: 'Changes and trouble',
    series: [
      { name: 'rebinds', field: 'rebinds' },
      { name: 'aborts', field: 'aborts' },
      { name: 'refusals', field: 'refusals' },
    ],
    text: countText,
    bars: true,
  },
];

/** The coordinates of a plot; it is stretched to the room it has. */
const WIDTH = SHOWN_SAMPLES - 1;
const HEIGHT = 100;

/** How many samples a key goes back. */
const STEPS = { ArrowLeft: 1, ArrowDown: 1, ArrowRight: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };

/** @param {Element} parent */
export function makePlots(parent) {
  const plots = PLOTS.map((options) => new Plot(options));
  parent.append(...plots.map(({ element }) => element));
  /** @param {Sample[]} samples */
  return (samples) => {
    for (const plot of plots) plot.show(samples);
  };
}

class Plot {
  #options;
  #lines;
  #values;
  #cursor = svg('path', { class: 'cursor' });
  #end = html('span');
  #when = html('span');
  #slider;
  /** @type {Sample[]} */
  #samples = [];
  /** How far back the cursor stands; 0: now, which moves. */
  #back = 0;

  /** @param {PlotOptions} options */
  constructor(options) {
    this.#options = options;
    const { title, series, bars } = options;
    this.#lines = series.map((_, index) =>
      svg('path', { class: `line series-${index}${bars ? ' bar' : ''}` }),
    );
    this.#values = series.map(() => html('b'));
    const label = { role: 'slider', tabindex: 0, 'aria-label': `${title}, history`, 'aria-valuemin': 0 };
    const scale = html('div', { class: 'scale' }, this.#end, this.#when);
    this.#slider = html('div', { class: 'chart', ...label }, scale, this.#draw());
    this.#slider.addEventListener('keydown', (event) => this.#press(event));
    this.#slider.addEventListener('pointermove', (event) => this.#point(event));
    this.#slider.addEventListener('pointerleave', () => this.#goBack(0));
    this.#slider.addEventListener('blur', () => this.#goBack(0));
    const legend = series.map(({ name }, index) =>
      html('li', { class: `series-${index}` }, `${name} `, this.#values[index] ?? ''),
    );
    const caption = html(
      'figcaption',
      {},
      html('h3', {}, title),
      html('ul', { class: bars ? 'bars' : 'lines' }, ...legend),
    );
    this.element = html('figure', { class: 'card plot' }, caption, this.#slider);
  }

  /** @param {Sample[]} samples */
  show(samples) {
    this.#samples = samples;
    const { series, text, ofBytes = false, bars } = this.#options;
    const most = Math.max(0, ...samples.flatMap((sample) => series.map(({ field }) => sample[field])));
    const end = scaleEnd(most, ofBytes);
    setText(this.#end, text(end));
    const from = WIDTH - samples.length + 1;
    for (const [index, line] of this.#lines.entries()) {
      const field = series[index]?.field ?? 'segments';
      const heights = samples.map((sample) => HEIGHT - (sample[field] / end) * HEIGHT);
      setAttributes(line, { d: bars ? barsPath(from, heights) : linePath(from, heights) });
    }
    this.#goBack(this.#back);
  }

  #draw() {
    const grid = svg('path', { class: 'grid', d: `M0 0H${WIDTH}M0 50H${WIDTH}M0 100H${WIDTH}` });
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': true };
    return svg('svg', box, grid, ...this.#lines, this.#cursor);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { length } = this.#samples;
    const step = new Map(Object.entries({ ...STEPS, Home: length, End: -length })).get(event.key);
    if (step === undefined) return;
    event.preventDefault();
    this.#goBack(this.#back + step);
  }

  /** @param {PointerEvent} event */
  #point({ clientX }) {
    const { right, width } = this.#slider.getBoundingClientRect();
    this.#goBack(Math.round(((right - clientX) / width) * WIDTH));
  }

  /** @param {number} wanted */
  #goBack(wanted) {
    const oldest = Math.max(0, this.#samples.length - 1);
    const back = Math.min(Math.max(0, wanted), oldest);
    this.#back = back;
    const sample = this.#samples.at(-1 - back);
    const said = this.#options.series.map(({ name, field }, index) => {
      const value = this.#options.text(sample?.[field] ?? 0);
      const shown = this.#values[index];
      if (shown !== undefined) setText(shown, value);
      return `${name} ${value}`;
    });
    const when = back === 0 || sample === undefined ? 'now' : timeText(sample.timeMs);
    setText(this.#when, when);
    setAttributes(this.#cursor, { d: back === 0 ? '' : `M${WIDTH - back} 0V${HEIGHT}` });
    setAttributes(this.#slider, {
      'aria-valuemax': oldest,
      'aria-valuenow': oldest - back,
      'aria-valuetext': `${when}: ${said.join(', ')}`,
    });
  }
}

/**
 * @param {number} from
 * @param {number[]} heights
 */
function linePath(from, heights) {
  return heights
    .map((height, index) => `${index === 0 ? 'M' : 'L'}${from + index} ${height.toFixed(1)}`)
    .join('');
}

/**
 * @param {number} from
 * @param {number[]} heights
 */
function barsPath(from, heights) {
  return heights
    .map((height, index) => (height < HEIGHT ? `M${from + index} ${HEIGHT}V${height.toFixed(1)}` : ''))
    .join('');
}
