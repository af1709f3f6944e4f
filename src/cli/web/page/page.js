/** The page as a whole: what is known is shown, unless it is paused. */

import { byId, setAttributes, setText } from './dom.js';
import { countText } from './format.js';
import { makeHappenings } from './happenings.js';
import { listen } from './model.js';
import { drawPaths, whenResized, widthOf } from './picture.js';
import { makePlots } from './plots.js';
import { SegmentTable } from './segments.js';
import { drawSharing } from './sharing.js';

/** @typedef {import('../messages.ts').Whole} Whole */

const paths = byId('paths');
const sharing = byId('sharing');
const pause = byId('pause');
const showPlots = makePlots(byId('plots'));
const showHappenings = makeHappenings(
  byId('happenings'),
  /** @type {HTMLSelectElement} */ (byId('kinds')),
  byId('announcement'),
);
const table = new SegmentTable(
  byId('segments'),
  /** @type {HTMLInputElement} */ (byId('find')),
  byId('shown'),
);

/** @type {Whole | undefined} */
let latest;
let isPaused = false;
let isDue = false;

const draw = () => {
  isDue = false;
  if (latest === undefined || isPaused) return;
  const { view, samples, happenings } = latest;
  const sample = samples.at(-1);
  setText(byId('node'), `node ${view.node}`);
  const processes = `${countText(view.processes)} ${view.processes === 1 ? 'process' : 'processes'}`;
  setText(byId('where'), `${view.directory}, ${processes}`);
  document.title = `rsm top, node ${view.node}`;
  showPlots(samples);
  showHappenings(happenings);
  drawPaths(paths, view, widthOf(paths));
  drawSharing(sharing, view, widthOf(sharing));
  table.show(view.segments, sample?.segments ?? view.segments.length, sample?.timeMs ?? Date.now());
};

/** No frames are drawn for a window that nobody sees. */
const drawSoon = () => {
  if (!isDue) requestAnimationFrame(draw);
  isDue = true;
};

pause.addEventListener('click', () => {
  isPaused = !isPaused;
  setAttributes(pause, { 'aria-pressed': isPaused });
  drawSoon();
});
whenResized(paths, drawSoon);
whenResized(sharing, drawSoon);
listen(
  (known) => {
    latest = known;
    drawSoon();
  },
  ({ state, text }) => {
    setAttributes(byId('state'), { 'data-state': state });
    setText(byId('state'), text);
  },
);
