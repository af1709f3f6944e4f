/** The table of segments: sorted by any column, searched, and each row opened to its importers. */

import { arrange, html, setAttributes, setText } from './dom.js';
import { ageText, byteRateText, bytesText, countText, rateText } from './format.js';
import { detailOf } from './importers.js';

/** @typedef {import('../messages.ts').SegmentRow} SegmentRow */
/**
 * @typedef {{
 *   head: string,
 *   text: (row: SegmentRow, nowMs: number) => string,
 *   by: (row: SegmentRow) => number | string,
 *   isNumber?: true,
 * }} Column
 */

/** @type {Column} */
const NAME = {
  head: 'Segment',
  text: ({ name }) => name ?? 'unpublished',
  by: ({ name }) => Number(name?.split(':')[1] ?? 0),
};

/** @type {Column[]} */
const COLUMNS = [
  {
    head: 'Length',
    text: ({ byteLength }) => bytesText(byteLength),
    by: ({ byteLength }) => byteLength,
    isNumber: true,
  },
  {
    head: 'Process',
    text: ({ exporter }) => String(exporter.pid),
    by: ({ exporter }) => exporter.pid,
    isNumber: true,
  },
  { head: 'User', text: ({ exporter }) => exporter.user, by: ({ exporter }) => exporter.user },
  {
    head: 'Command',
    text: ({ exporter }) => exporter.command ?? '',
    by: ({ exporter }) => exporter.command ?? '',
  },
  counted('Importers', ({ importerCount }) => importerCount, countText),
  counted('Put', ({ bytesPut }) => bytesPut, byteRateText),
  counted('Got', ({ bytesGot }) => bytesGot, byteRateText),
  counted('Events', ({ posts }) => posts, rateText),
  counted('Rebinds', ({ rebinds }) => rebinds, countText),
  counted('Cut off', ({ aborts }) => aborts, countText),
  counted('Refused', ({ refusals }) => refusals, countText),
  {
    head: 'Age',
    text: ({ createdMs }, nowMs) => ageText(createdMs, nowMs),
    by: ({ createdMs }) => -createdMs,
    isNumber: true,
  },
];

/**
 * @param {string} head
 * @param {(row: SegmentRow) => number} by
 * @param {(value: number) => string} text
 * @returns {Column}
 */
function counted(head, by, text) {
  return { head, by, text: (row) => (by(row) === 0 ? '–' : text(by(row))), isNumber: true };
}

/** @param {Column} column */
function classOf({ isNumber, head }) {
  return isNumber ? 'number' : head.toLowerCase();
}

class Row {
  /** What is shown of it now. */
  #row;
  #isOpen = false;
  #button = html('button', { type: 'button', class: 'opener', 'aria-expanded': false });
  #cells = COLUMNS.map((column) => html('td', { class: classOf(column) }));
  #detail = html('td', { colspan: COLUMNS.length + 1 });
  #detailRow = html('tr', { class: 'detail' }, this.#detail);
  #element = html('tr', {}, html('th', { scope: 'row' }, this.#button), ...this.#cells);
  #nowMs = 0;

  /** @param {SegmentRow} row */
  constructor(row) {
    this.#row = row;
    this.#button.addEventListener('click', () => {
      this.#isOpen = !this.#isOpen;
      this.show(this.#row, this.#nowMs);
      if (this.#isOpen) this.#element.after(this.#detailRow);
      else this.#detailRow.remove();
    });
  }

  get elements() {
    return this.#isOpen ? [this.#element, this.#detailRow] : [this.#element];
  }

  /**
   * @param {SegmentRow} row
   * @param {number} nowMs
   */
  show(row, nowMs) {
    this.#row = row;
    this.#nowMs = nowMs;
    setText(this.#button, NAME.text(row, nowMs));
    setAttributes(this.#button, { 'aria-expanded': this.#isOpen });
    for (const [index, cell] of this.#cells.entries()) {
      const text = COLUMNS[index]?.text(row, nowMs) ?? '';
      setText(cell, text);
      if (cell.className === 'command') setAttributes(cell, { title: text });
    }
    if (!this.#isOpen) return;
    const detail = detailOf(row, nowMs);
    if (!this.#detail.firstElementChild?.isEqualNode(detail)) this.#detail.replaceChildren(detail);
  }
}

export class SegmentTable {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {SegmentRow[]} */
  #segments = [];
  #total = 0;
  #nowMs = 0;
  #sortedBy = NAME;
  #isDescending = false;
  #heads = new Map([NAME, ...COLUMNS].map((column) => [column, this.#headOf(column)]));
  #body = html('tbody');
  #table = html('table', {}, html('thead', {}, html('tr', {}, ...this.#heads.values())), this.#body);
  #empty = html('p', { class: 'empty' });
  #parent;
  #find;
  #shown;

  /**
   * @param {Element} parent
   * @param {HTMLInputElement} find
   * @param {Element} shown says how many there are
   */
  constructor(parent, find, shown) {
    this.#parent = parent;
    this.#find = find;
    this.#shown = shown;
    find.addEventListener('input', () => this.#draw());
  }

  /**
   * @param {SegmentRow[]} segments
   * @param {number} total with those that were not sent
   * @param {number} nowMs
   */
  show(segments, total, nowMs) {
    this.#segments = segments;
    this.#total = total;
    this.#nowMs = nowMs;
    this.#draw();
  }

  #draw() {
    const words = this.#find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#segments.filter((row) => words.every((word) => searched(row).includes(word)));
    const sorted = found.sort((a, b) => this.#compare(a, b));
    const rows = new Map(sorted.map((row) => [row.key, this.#rows.get(row.key) ?? new Row(row)]));
    for (const row of sorted) rows.get(row.key)?.show(row, this.#nowMs);
    // A row that is filtered away may come back, and open as it was.
    for (const { key } of this.#segments) {
      const known = this.#rows.get(key);
      if (!rows.has(key) && known !== undefined) rows.set(key, known);
    }
    this.#rows = rows;
    arrange(
      this.#body,
      sorted.flatMap(({ key }) => rows.get(key)?.elements ?? []),
    );
    setText(this.#empty, this.#segments.length === 0 ? NOBODY : 'No segment matches.');
    arrange(this.#parent, [sorted.length === 0 ? this.#empty : this.#table]);
    setText(this.#shown, this.#summary(sorted.length));
  }

  /** @param {number} found */
  #summary(found) {
    const { length } = this.#segments;
    if (length === 0) return '';
    const more = this.#total > length ? `; of ${countText(this.#total)}, the busiest ${length} are here` : '';
    return `${found} shown${more}.`;
  }

  /**
   * @param {SegmentRow} a
   * @param {SegmentRow} b
   */
  #compare(a, b) {
    const [left, right] = [this.#sortedBy.by(a), this.#sortedBy.by(b)];
    const order = left < right ? -1 : left > right ? 1 : a.key < b.key ? -1 : 1;
    return this.#isDescending ? -order : order;
  }

  /** @param {Column} column */
  #headOf(column) {
    const button = html('button', { type: 'button' }, column.head);
    const head = html('th', { scope: 'col', class: classOf(column) }, button);
    if (column === NAME) setAttributes(head, { 'aria-sort': 'ascending' });
    button.addEventListener('click', () => {
      // Of numbers the largest are looked for.
      const isFirst = this.#sortedBy !== column;
      this.#isDescending = isFirst ? column.isNumber === true : !this.#isDescending;
      this.#heads.get(this.#sortedBy)?.removeAttribute('aria-sort');
      this.#sortedBy = column;
      setAttributes(head, { 'aria-sort': this.#isDescending ? 'descending' : 'ascending' });
      this.#draw();
    });
    return head;
  }
}

const NOBODY = 'Nobody exports anything on this node. Try: rsm export FILE';

/** @param {SegmentRow} row */
function searched({ name, exporter: { pid, user, command } }) {
  return `${name} ${pid} ${user} ${command}`.toLowerCase();
}
