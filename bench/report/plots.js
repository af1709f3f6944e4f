/** The plots of the report, from what the questions gave to `plot`. Returns { file, title, svg } of each. */
import { shapeOf } from '../shape.js';
import { lineChart, quantileChart } from './charts.js';

export function plotsOf(results) {
  const all = results.flatMap(({ plots }) => plots);
  const of = (kind) => all.filter((plot) => plot.kind === kind);
  return [
    ...groups(of('latency'), 'chart').map(([chart, plots]) => latency(chart, plots)),
    ...groups(of('bandwidth'), 'chart').map(([chart, plots]) => bandwidth(chart, plots)),
    ...groups(of('growth'), 'over').map(([over, plots]) => growth(over, plots)),
  ];
}

function latency(chart, plots) {
  const title = `Latency: ${chart}`;
  const rows = plots.map(({ name, ours, quantiles }) => ({ name, ours, quantiles: microseconds(quantiles) }));
  const subtitle = 'Each round trip timed by itself; less is better, the scale is logarithmic';
  return {
    file: `latency-${slug(chart)}.svg`,
    title,
    svg: quantileChart({ title, subtitle, unit: 'microseconds', rows }),
  };
}

function bandwidth(chart, series) {
  const title = `Bandwidth over size, ${chart}`;
  const subtitle = 'put and get of blocks, and the same in C; more is better';
  return {
    file: `bandwidth-${slug(chart)}.svg`,
    title,
    svg: lineChart({ title, subtitle, over: 'bytes', unit: 'GB/s', series }),
  };
}

function growth(over, plots) {
  const title = `Cost over ${NAMES[over] ?? over}`;
  const subtitle = 'Medians; both scales are logarithmic, so a constant lies flat and a linear cost climbs';
  const series = plots.map(({ name, points }) => ({ name: `${name}: ${shapeOf(points)}`, points }));
  return {
    file: `growth-${slug(over)}.svg`,
    title,
    svg: lineChart({ title, subtitle, over, unit: 'µs', series }),
  };
}

const NAMES = {
  segments: 'published segments on the node',
  importers: 'importers of one segment',
  bytes: 'the size of the segment',
  pending: 'events pending at once',
};

function groups(plots, key) {
  const found = new Map();
  for (const plot of plots) found.set(plot[key], [...(found.get(plot[key]) ?? []), plot]);
  return [...found];
}

function microseconds(quantiles) {
  return Object.fromEntries(Object.entries(quantiles).map(([name, ns]) => [name, ns / 1e3]));
}

function slug(name) {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
