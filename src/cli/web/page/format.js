/** Numbers and times as people read them. */

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** @param {number} count */
export function bytesText(count) {
  if (count < 1024) return `${Math.round(count)} B`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), UNITS.length);
  return `${(count / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}

/** @param {number} perSecond */
export function byteRateText(perSecond) {
  return `${bytesText(perSecond)}/s`;
}

/** @param {number} count whole, or a rate */
export function countText(count) {
  const digits = count > 0 && count < 10 && !Number.isInteger(count) ? 1 : 0;
  return count.toLocaleString('en', { maximumFractionDigits: digits });
}

/** @param {number} perSecond */
export function rateText(perSecond) {
  return `${countText(perSecond)}/s`;
}

/** @param {number} timeMs */
export function timeText(timeMs) {
  return new Date(timeMs).toLocaleTimeString('en-GB');
}

/** @type {[number, string][]} */
const AGES = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
];

/**
 * @param {number} sinceMs
 * @param {number} nowMs
 */
export function ageText(sinceMs, nowMs) {
  const ageMs = Math.max(0, nowMs - sinceMs);
  const [unitMs, unit] = AGES.find(([least]) => ageMs >= least) ?? [1000, 's'];
  return `${Math.floor(ageMs / unitMs)}${unit}`;
}

/**
 * The end of a scale: 1, 2 or 5 of a power of ten, or a power of two for bytes.
 * @param {number} most
 * @param {boolean} ofBytes
 */
export function scaleEnd(most, ofBytes) {
  if (most <= 1) return 1;
  if (ofBytes) return 2 ** Math.ceil(Math.log2(most));
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((end) => end >= most) ?? most;
}

/**
 * @param {string} text
 * @param {number} most characters
 */
export function shortText(text, most) {
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;
}

/**
 * Of another node's importers the user is known, and no process.
 * @param {{ pid: number, user: string, command: string | null }} process
 */
export function processText({ pid, user, command }) {
  if (pid === 0) return user;
  return command ? `${pid} ${user} ${command}` : `${pid} ${user}`;
}
