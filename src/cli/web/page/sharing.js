/** Who imports from whom: exporting processes on the left, importing ones on the right. */

import { svg } from './dom.js';
import { byteRateText } from './format.js';
import { pill, replaceIfChanged } from './picture.js';

/** @typedef {import('../messages.ts').View} View */
/** @typedef {import('../messages.ts').Process} Process */
/** @typedef {{ key: string, text: string, connections: number }} End */
/** @typedef {{ from: string, to: string, connections: number, rate: number }} Link */
/** @typedef {{ exporters: Map<string, End>, importers: Map<string, End>, links: Map<string, Link> }} Sharing */

/** On each side; the table has them all. */
const MOST = 10;
const END_ROW = 34;
const ENDS_TOP = 22;

/**
 * @param {View} view
 * @returns {Sharing}
 */
export function sharingOf({ node, segments }) {
  /** @type {Sharing} */
  const sharing = { exporters: new Map(), importers: new Map(), links: new Map() };
  for (const { exporter, importers } of segments) {
    const from = addEnd(sharing.exporters, `${exporter.pid}`, nameOf(exporter), importers.length);
    for (const importer of importers) {
      const at = importer.node === node ? '' : `node ${importer.node}: `;
      const to = addEnd(
        sharing.importers,
        `${importer.node}:${importer.pid} ${importer.user}`,
        at + nameOf(importer),
        1,
      );
      const key = `${from.key} ${to.key}`;
      const link = sharing.links.get(key) ?? { from: from.key, to: to.key, connections: 0, rate: 0 };
      link.connections += 1;
      link.rate += importer.bytesPut + importer.bytesGot;
      sharing.links.set(key, link);
    }
  }
  return sharing;
}

/** @param {Process} process */
function nameOf({ pid, user, command }) {
  if (pid === 0) return user; // of another node
  return `${pid} ${command ?? user}`;
}

/**
 * @param {Map<string, End>} ends
 * @param {string} key
 * @param {string} text
 * @param {number} connections
 */
function addEnd(ends, key, text, connections) {
  const end = ends.get(key) ?? { key, text, connections: 0 };
  end.connections += connections;
  ends.set(key, end);
  return end;
}

/** @param {Map<string, End>} ends */
function busiest(ends) {
  return [...ends.values()].sort((a, b) => b.connections - a.connections).slice(0, MOST);
}

/** @param {Sharing} sharing */
function sharingInWords({ exporters, importers, links }) {
  if (exporters.size === 0) return 'Nobody exports anything.';
  /** @type {(count: number, one: string) => string} */
  const counted = (count, one) => `${count} ${one}${count === 1 ? '' : 'es'}`;
  const pairs = [...links.values()].length;
  const ends = `${counted(exporters.size, 'exporting process')}, ${counted(importers.size, 'importing process')}`;
  return `${ends}, ${pairs} ${pairs === 1 ? 'pair' : 'pairs'} of them connected. The table below has each.`;
}

/**
 * @param {Element} parent
 * @param {View} view
 * @param {number} width
 */
export function drawSharing(parent, view, width) {
  const sharing = sharingOf(view);
  const left = busiest(sharing.exporters);
  const right = busiest(sharing.importers);
  const rows = Math.max(left.length, right.length, 1);
  const isShort = sharing.exporters.size > MOST || sharing.importers.size > MOST;
  const height = ENDS_TOP + rows * END_ROW + (isShort ? 20 : 0);
  const pillWidth = Math.round(width * 0.38);
  const at = (/** @type {number} */ index) => ENDS_TOP + index * END_ROW + END_ROW / 2;
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  const picture = svg('svg', { role: 'img', 'aria-label': sharingInWords(sharing), ...size });
  picture.append(
    svg('text', { class: 'muted', x: 0, y: 12 }, `exporting: ${sharing.exporters.size}`),
    svg('text', { class: 'muted end', x: width, y: 12 }, `importing: ${sharing.importers.size}`),
    ...drawLinks(sharing, left, right, at, pillWidth, width),
    ...left.map(({ text }, index) => pill(0, at(index), pillWidth, text)),
    ...right.map(({ text }, index) => pill(width - pillWidth, at(index), pillWidth, text)),
  );
  if (left.length === 0) picture.append(svg('text', { class: 'muted', x: 0, y: height - 10 }, 'Nobody yet.'));
  if (isShort) {
    picture.append(
      svg('text', { class: 'muted', x: 0, y: height - 4 }, `The ${MOST} with most connections of each.`),
    );
  }
  replaceIfChanged(parent, picture);
}

/**
 * @param {Sharing} sharing
 * @param {End[]} left
 * @param {End[]} right
 * @param {(index: number) => number} at
 * @param {number} pillWidth
 * @param {number} width
 */
function drawLinks({ links }, left, right, at, pillWidth, width) {
  const start = pillWidth;
  const end = width - pillWidth;
  const middle = (start + end) / 2;
  return [...links.values()].flatMap(({ from, to, connections, rate }) => {
    const [a, b] = [left.findIndex(({ key }) => key === from), right.findIndex(({ key }) => key === to)];
    if (a < 0 || b < 0) return [];
    const d = `M${start} ${at(a)}C${middle} ${at(a)} ${middle} ${at(b)} ${end} ${at(b)}`;
    // A step thicker for each thousandfold.
    const thickness = rate > 0 ? 1.5 + Math.min(5, Math.log10(rate) / 2) : 1.5;
    const attributes = { class: rate > 0 ? 'link busy' : 'link', d, 'stroke-width': thickness.toFixed(1) };
    const said = `${connections} ${connections === 1 ? 'connection' : 'connections'}, ${byteRateText(rate)}`;
    return [svg('path', attributes, svg('title', {}, said))];
  });
}
