/** What is below a segment that was opened: its access list, and who imports it. */

import { html } from './dom.js';
import { ageText, byteRateText, bytesText, processText } from './format.js';

/** @typedef {import('../messages.ts').SegmentRow} SegmentRow */
/** @typedef {import('../messages.ts').ImporterRow} ImporterRow */

const HEADS = ['Node', 'Process', 'Mode', 'Mapped', 'Put', 'Got', 'Since'];

/**
 * @param {SegmentRow} row
 * @param {number} nowMs
 */
export function detailOf(row, nowMs) {
  const { access, exporter, importers, importerCount, readOnly } = row;
  const facts = [
    `Access: ${access}${readOnly ? '; read-only for ever' : ''}.`,
    `Exporter: ${processText(exporter)}${exporter.thread === 0 ? '' : `, thread ${exporter.thread}`}.`,
  ];
  const hidden = importerCount - importers.length;
  if (importerCount === 0) facts.push('Nobody imports it.');
  else if (hidden > 0) facts.push(`${hidden} of its importers are not shown.`);
  return html(
    'div',
    {},
    ...facts.map((fact) => html('p', {}, fact)),
    ...(importers.length > 0 ? [tableOf(importers, nowMs)] : []),
  );
}

/**
 * @param {ImporterRow[]} importers
 * @param {number} nowMs
 */
function tableOf(importers, nowMs) {
  const heads = HEADS.map((head) => html('th', { scope: 'col' }, head));
  const rows = importers.map((importer) =>
    html('tr', {}, ...textsOf(importer, nowMs).map((text) => html('td', {}, text))),
  );
  return html(
    'table',
    { class: 'importers' },
    html('caption', {}, 'Importers'),
    html('thead', {}, html('tr', {}, ...heads)),
    html('tbody', {}, ...rows),
  );
}

/**
 * @param {ImporterRow} importer
 * @param {number} nowMs
 */
function textsOf(importer, nowMs) {
  const { node, mode, mapped, bytesPut, bytesGot, sinceMs } = importer;
  const window = mapped === 0 ? 'no' : mapped === null ? 'not said' : bytesText(mapped);
  const rates = [bytesPut, bytesGot].map((rate) => (rate === 0 ? '–' : byteRateText(rate)));
  return [String(node), processText(importer), mode, window, ...rates, ageText(sinceMs, nowMs)];
}
