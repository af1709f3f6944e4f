/** What all plots share: a card that reads well in light and dark, and a logarithmic axis. */

export const WIDTH = 760;

/**
 * Light first, then dark; the series' colours are told apart also by people who see fewer. As rules and not as
 * variables, which not every renderer knows.
 */
const GROUND = ['#ffffff', '#14181d'];
const TEXT = ['#1d2329', '#e4e8ec'];
const FAINT = ['#5b6570', '#a0abb6'];
const GRID = ['#e3e7eb', '#2c333b'];
const SERIES = [
  ['#0b66c3', '#5fb0ff'],
  ['#b8500a', '#ff9e4f'],
  ['#157a55', '#4fcf9b'],
  ['#8236b8', '#c894f2'],
  ['#6b6f00', '#d3d35a'],
];
export const COLOURS = SERIES.length;

function rules(scheme) {
  return [
    `.ground{fill:${GROUND[scheme]}}text{fill:${TEXT[scheme]}}.faint{fill:${FAINT[scheme]}}`,
    `.grid{stroke:${GRID[scheme]}}`,
    ...SERIES.map((colour, n) => `.f${n}{fill:${colour[scheme]}}.l${n}{stroke:${colour[scheme]}}`),
  ].join('');
}

/** The frame: title, subtitle, ground, and the styles that `content` uses. */
export function card({ title, subtitle, height, content }) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    '<style>svg{font:13px system-ui,sans-serif}.title{font-size:16px;font-weight:600}',
    `.l{fill:none;stroke-width:2}.dashed{stroke-dasharray:5 4}${rules(0)}`,
    `@media(prefers-color-scheme:dark){${rules(1)}}</style>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" class="ground"/>`,
    text(20, 30, title, 'title'),
    text(20, 50, subtitle, 'faint'),
    ...content,
    '</svg>',
    '',
  ].join('\n');
}

export function text(x, y, value, style = '', anchor = 'start') {
  return `<text x="${round(x)}" y="${round(y)}" class="${style}" text-anchor="${anchor}">${escaped(value)}</text>`;
}

export function rule(x1, y1, x2, y2, style = 'grid') {
  const [a, b, c, d] = [x1, y1, x2, y2].map(round);
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" class="${style}"/>`;
}

/** A logarithmic axis from pixel `from` to `to` that has room for all values, and its ticks. */
export function logAxis(values, from, to) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const decades = Math.log10(high / low);
  // Ticks at 1, 2, 5 of each decade where there are few of them, else at the decades.
  const steps = decades < 2.5 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power += 1) {
    ticks.push(...steps.map((step) => step * 10 ** power));
  }
  const first = ticks.findLastIndex((tick) => tick <= low);
  const last = ticks.findIndex((tick) => tick >= high);
  const shown = ticks.slice(first, last + 1);
  if (shown.length === 1) shown.push(ticks[last + 1] ?? shown[0] * 10);
  const [begin, end] = [Math.log10(shown[0]), Math.log10(shown.at(-1))];
  const at = (value) => from + ((Math.log10(value) - begin) / (end - begin)) * (to - from);
  return { at, ticks: shown };
}

/** A number as people write it on an axis. */
export function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 10_000) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(2)));
}

export function bytes(value) {
  if (value >= 1_048_576) return `${value / 1_048_576} MiB`;
  return `${value / 1024} KiB`;
}

export function round(value) {
  return Math.round(value * 10) / 10;
}

function escaped(value) {
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}
