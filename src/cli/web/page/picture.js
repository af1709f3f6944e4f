/** The nodes as a picture: the controllers of this one, and the state of the path to each other one. */

import { svg } from './dom.js';
import { shortText } from './format.js';

/** @typedef {import('../messages.ts').View} View */
/** @typedef {import('../messages.ts').Path} Path */
/** A way from the controller in row `start` of the picture; a controller without any has a row all the same. */
/** @typedef {{ start: number, from: string, path: Path | undefined }} Row */

const PATH_ROW = 46;
const PATHS_TOP = 34;
const PAD = 12;
/** The height of a name in its frame. */
const PILL = 26;
/** Of one character of the font, nearly. */
const CHARACTER = 7.4;

/** @param {View} view */
function rowsOf({ controllers }) {
  /** @type {Row[]} */
  const rows = [];
  for (const { name: from, paths } of controllers) {
    const start = rows.length;
    for (const path of paths.length === 0 ? [undefined] : paths) rows.push({ start, from, path });
  }
  return rows;
}

/**
 * @param {Path} path
 * @param {number} own
 */
function targetOf({ node, controller }, own) {
  return node === own ? 'this node' : `node ${node} ${controller}`;
}

/** @param {Path} path */
function stateOf({ active }) {
  return active ? 'active' : 'inactive';
}

/**
 * @param {View} view
 * @param {Row[]} rows
 */
function pathsInWords({ node }, rows) {
  const paths = rows.map(({ from, path }) =>
    path === undefined ? `${from}: no path.` : `${from} to ${targetOf(path, node)}: ${stateOf(path)}.`,
  );
  return `Node ${node}. ${paths.join(' ')}`;
}

/**
 * @param {Element} parent
 * @param {View} view
 * @param {number} width
 */
export function drawPaths(parent, view, width) {
  const rows = rowsOf(view);
  const height = PATHS_TOP + rows.length * PATH_ROW + PAD;
  const box = Math.min(200, width * 0.36);
  const picture = svg('svg', {
    role: 'img',
    'aria-label': pathsInWords(view, rows),
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
  });
  picture.append(
    svg('rect', { class: 'node', x: 1, y: 1, width: box, height: height - 2, rx: 10 }),
    svg('text', { class: 'title', x: PAD, y: 22 }, `node ${view.node}`),
    ...rows.flatMap((row, index) => drawPath(row, view.node, index, box, width)),
    ...rows
      .filter(({ start }, index) => start === index)
      .map(({ start, from }) => pill(PAD, middleOf(start), box - 2 * PAD, from)),
  );
  replaceIfChanged(parent, picture);
}

/** @param {number} row */
function middleOf(row) {
  return PATHS_TOP + row * PATH_ROW + PATH_ROW / 2;
}

/**
 * @param {Row} row
 * @param {number} own the id of this node
 * @param {number} index of the row
 * @param {number} box
 * @param {number} width
 */
function drawPath({ start, path }, own, index, box, width) {
  const [from, to] = [middleOf(start), middleOf(index)];
  const left = box - PAD;
  if (path === undefined) return [svg('text', { class: 'muted', x: box + PAD, y: to + 4 }, 'no path')];
  const state = stateOf(path);
  const name = targetOf(path, own);
  if (path.node === own) {
    const loop = `M${left} ${from - 7}h28a7 7 0 0 1 0 14h-28`;
    const label = svg('text', { class: `state ${state}`, x: left + 44, y: from + 4 }, `${name}, ${state}`);
    return [svg('path', { class: `path ${state}`, d: loop }), label];
  }
  const end = width - box;
  const bend = left + (end - left) / 3;
  const d = `M${left} ${from}C${bend} ${from} ${left + 12} ${to} ${bend} ${to}H${end}`;
  return [
    svg('path', { class: `path ${state}`, d }),
    svg('text', { class: `state ${state} end`, x: end - 10, y: to - 6 }, state),
    pill(end, to, box - 1, name),
  ];
}

/**
 * A name in its frame.
 * @param {number} x
 * @param {number} y its middle
 * @param {number} width
 * @param {string} text shortened to fit; whole for who points at it
 */
export function pill(x, y, width, text) {
  const shown = shortText(text, Math.floor((width - 16) / CHARACTER));
  return svg(
    'g',
    {},
    svg('title', {}, text),
    svg('rect', { class: 'pill', x: x + 0.5, y: y - PILL / 2, width: width - 1, height: PILL, rx: 6 }),
    svg('text', { x: x + 8, y: y + 4 }, shown),
  );
}

/**
 * A picture that is the same stays: it may be pointed at.
 * @param {Element} parent
 * @param {Element} picture
 */
export function replaceIfChanged(parent, picture) {
  const old = parent.firstElementChild;
  if (old === null || !old.isEqualNode(picture)) parent.replaceChildren(picture);
}

/**
 * Draws again when the room for a picture changes.
 * @param {Element} parent
 * @param {(width: number) => void} draw
 */
export function whenResized(parent, draw) {
  const observer = new ResizeObserver(() => draw(widthOf(parent)));
  observer.observe(parent);
}

/** @param {Element} parent */
export function widthOf(parent) {
  const { paddingLeft, paddingRight } = getComputedStyle(parent);
  const padding = Number.parseFloat(paddingLeft) + Number.parseFloat(paddingRight);
  return Math.max(240, Math.floor(parent.clientWidth - padding));
}
