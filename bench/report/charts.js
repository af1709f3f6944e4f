/** The two kinds of plot: a cost over a count, and quantiles of latency side by side. */
import { bytes, COLOURS, card, logAxis, round, rule, short, text, WIDTH } from './svg.js';

const LEFT = 70;
const TOP = 86;
const LABELS = 210;
const PLOT_HEIGHT = 260;
const LABEL_PIXELS = 16;
const ROW_PIXELS = 34;
const NAMES = 230;

/** series: { name, points: [[count, value]…], dashed }. unit of the values; over: what is counted. */
export function lineChart({ title, subtitle, over, unit, series }) {
  const right = WIDTH - LABELS;
  const bottom = TOP + PLOT_HEIGHT;
  const all = series.flatMap(({ points }) => points);
  const counts = [...new Set(all.map(([count]) => count))].sort((a, b) => a - b);
  const x = logAxis(counts, LEFT, right);
  const y = logAxis(
    all.map(([, value]) => value),
    bottom,
    TOP,
  );
  const countText = over === 'bytes' ? bytes : short;
  const ends = spread(series.map(({ points }) => y.at(points.at(-1)[1])));
  const content = [
    ...y.ticks.flatMap((tick) => [
      rule(LEFT, y.at(tick), right, y.at(tick)),
      text(LEFT - 8, y.at(tick) + 4, short(tick), 'faint', 'end'),
    ]),
    ...counts.map((count) => text(x.at(count), bottom + 20, countText(count), 'faint', 'middle')),
    text((LEFT + right) / 2, bottom + 42, over === 'bytes' ? 'size' : over, 'faint', 'middle'),
    text(LEFT - 8, TOP - 14, unit, 'faint', 'end'),
    ...series.flatMap(({ name, points, dashed }, index) => {
      const colour = index % COLOURS;
      const path = points.map(([count, value]) => `${round(x.at(count))},${round(y.at(value))}`).join(' ');
      return [
        `<polyline class="l l${colour}${dashed ? ' dashed' : ''}" points="${path}"/>`,
        ...points.map(
          ([count, value]) =>
            `<circle class="f${colour}" cx="${round(x.at(count))}" cy="${round(y.at(value))}" r="3.5"/>`,
        ),
        text(right + 12, ends[index] + 4, name, `f${colour}`),
      ];
    }),
  ];
  return card({ title, subtitle, height: bottom + 60, content });
}

/** rows: { name, ours, quantiles: { p50, p99, p999 } } in the unit. */
export function quantileChart({ title, subtitle, unit, rows }) {
  const left = NAMES;
  const right = WIDTH - 60;
  const bottom = TOP + rows.length * ROW_PIXELS;
  const x = logAxis(
    rows.flatMap(({ quantiles }) => Object.values(quantiles)),
    left,
    right,
  );
  const content = [
    ...x.ticks.flatMap((tick) => [
      rule(x.at(tick), TOP, x.at(tick), bottom),
      text(x.at(tick), bottom + 20, short(tick), 'faint', 'middle'),
    ]),
    text((left + right) / 2, bottom + 42, `${unit}; dot 50 %, bar 99 %, end 99.9 %`, 'faint', 'middle'),
    ...rows.flatMap(({ name, ours, quantiles }, index) => {
      const y = TOP + (index + 0.5) * ROW_PIXELS;
      const colour = ours ? 0 : 1;
      const [p50, p99, p999] = [quantiles.p50, quantiles.p99, quantiles.p999].map(x.at);
      return [
        text(left - 16, y + 4, name, ours ? 'f0' : '', 'end'),
        rule(p50, y, p999, y, `l l${colour}`),
        rule(p99, y - 6, p99, y + 6, `l l${colour}`),
        rule(p999, y - 3, p999, y + 3, `l l${colour}`),
        `<circle class="f${colour}" cx="${round(p50)}" cy="${round(y)}" r="5"/>`,
        text(p50, y - 9, short(quantiles.p50), 'faint', 'middle'),
      ];
    }),
  ];
  return card({ title, subtitle, height: bottom + 60, content });
}

/** Moves labels apart that would stand on each other. */
function spread(heights) {
  const order = heights.map((_, index) => index).sort((a, b) => heights[a] - heights[b]);
  const placed = [...heights];
  for (let n = 1; n < order.length; n += 1) {
    const [above, below] = [order[n - 1], order[n]];
    placed[below] = Math.max(placed[below], placed[above] + LABEL_PIXELS);
  }
  return placed;
}
