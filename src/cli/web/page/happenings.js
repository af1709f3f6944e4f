/** What happened, newest first. Trouble is announced to who does not look. */

import { arrange, html, setText } from './dom.js';
import { timeText } from './format.js';

/** @typedef {import('../messages.ts').Happening} Happening */
/** @typedef {import('../messages.ts').Kind} Kind */

/** @type {Record<string, Kind[]>} */
const GROUPS = {
  everything: ['publish', 'withdraw', 'connect', 'disconnect', 'abort', 'rebind', 'refuse', 'event'],
  'aborts, refusals': ['abort', 'refuse'],
  events: ['event'],
  segments: ['publish', 'withdraw', 'rebind'],
  connections: ['connect', 'disconnect', 'abort', 'refuse'],
};

/** A voice that never ends is turned off. */
const ANNOUNCE_EVERY_MS = 5000;

/**
 * @param {Element} parent
 * @param {HTMLSelectElement} kinds
 * @param {Element} announcement
 */
export function makeHappenings(parent, kinds, announcement) {
  const list = html('ol');
  const empty = html('p', { class: 'empty' }, 'Nothing has happened since rsm top began to look.');
  kinds.append(...Object.keys(GROUPS).map((name) => html('option', {}, name)));
  /** @type {Happening[]} */
  let all = [];
  /** @type {Map<string, Element>} */
  let items = new Map();
  const announce = makeAnnouncer(announcement);

  const show = () => {
    const wanted = new Set(GROUPS[kinds.value]);
    const shown = all.filter(({ kind }) => wanted.has(kind)).reverse();
    const keys = keysOf(shown);
    items = new Map(
      shown.map((happening, index) => {
        const key = keys[index] ?? '';
        return [key, items.get(key) ?? itemOf(happening)];
      }),
    );
    arrange(list, [...items.values()]);
    arrange(parent, [shown.length === 0 ? empty : list]);
  };
  kinds.addEventListener('change', show);
  /** @param {Happening[]} happenings */
  return (happenings) => {
    announce(happenings);
    all = happenings;
    show();
  };
}

/**
 * What is the same stays the same element.
 * @param {Happening[]} happenings
 */
function keysOf(happenings) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return happenings.map(({ timeMs, kind, segment, text }) => {
    const name = `${timeMs} ${kind} ${segment} ${text}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return `${name} ${count}`;
  });
}

/** @param {Happening} happening */
function itemOf({ timeMs, kind, segment, text }) {
  const time = html('time', { datetime: new Date(timeMs).toISOString() }, timeText(timeMs));
  const name = segment === null ? [] : [html('code', {}, segment), ' '];
  return html(
    'li',
    {},
    time,
    ' ',
    html('span', { class: `kind ${kind}` }, kind),
    ' ',
    html('span', {}, ...name, text),
  );
}

/** @param {Element} announcement */
function makeAnnouncer(announcement) {
  let [seenMs, saidMs] = [Date.now(), 0];
  /** @param {Happening[]} happenings */
  return (happenings) => {
    const trouble = happenings.filter(
      ({ timeMs, kind }) => timeMs > seenMs && (kind === 'abort' || kind === 'refuse'),
    );
    const now = Date.now();
    if (trouble.length === 0 || now - saidMs < ANNOUNCE_EVERY_MS) return;
    seenMs = Math.max(...trouble.map(({ timeMs }) => timeMs));
    saidMs = now;
    const [{ segment, text } = { segment: null, text: '' }] = trouble;
    const more = trouble.length > 1 ? `, and ${trouble.length - 1} more` : '';
    setText(announcement, `${segment === null ? '' : `${segment} `}${text}${more}`);
  };
}
