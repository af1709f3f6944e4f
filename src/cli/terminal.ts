/** How `rsm` writes for people: calm, 80 columns, colours only where they are seen. */
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'green' | 'cyan' | 'yellow' | 'red';

function coloured(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors() && process.env.NO_COLOR === undefined;
}

export function paint(style: Style, text: string): string {
  return coloured() ? styleText(style, text) : text;
}

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** For programs: one document, or one line of many. */
export function sayJson(document: unknown, spaces?: number): void {
  say(JSON.stringify(document, null, spaces));
}

/** Beside the result, and only where somebody sits and watches. */
export function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1 byte, 512 bytes, 93.4 MiB. */
export function bytes(count: number): string {
  if (count < 1024) return count === 1 ? '1 byte' : `${count} bytes`;
  return scaled(count);
}

/** The same for columns: 512 B, 93.4 MiB. */
export function size(count: number): string {
  return count < 1024 ? `${Math.round(count)} B` : scaled(count);
}

function scaled(count: number): string {
  const power = Math.min(Math.floor(Math.log2(count) / 10), BYTE_UNITS.length);
  return `${(count / 1024 ** power).toFixed(1)} ${BYTE_UNITS[power - 1]}`;
}

/** 0.31 ms, 4.2 ms, 180 ms, 2.40 s. */
export function duration(timeMs: number): string {
  if (timeMs >= 1000) return `${(timeMs / 1000).toFixed(2)} s`;
  if (timeMs >= 100) return `${timeMs.toFixed(0)} ms`;
  return `${timeMs.toFixed(timeMs >= 1 ? 1 : 2)} ms`;
}

const AGES: [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
];

/** 12s, 3m, 5h, 2d. */
export function age(since: Date, now: Date): string {
  const timeMs = Math.max(0, now.getTime() - since.getTime());
  const [unitMs, unit] = AGES.find(([least]) => timeMs >= least) ?? [1000, 's'];
  return `${Math.floor(timeMs / unitMs)}${unit}`;
}

/** 0x80000001 */
export function segmentId(id: number): string {
  return `0x${id.toString(16)}`;
}

/** 0:0x80000001, as every command takes it. */
export function segmentName(node: number, id: number): string {
  return `${node}:${segmentId(id)}`;
}

/** 0640 */
export function octal(permission: number): string {
  return permission.toString(8).padStart(4, '0');
}

/** Of a permission of one digit: 0400 is r. A hostile record may have any. */
export function modeOf(permission: number): 'r' | 'w' | 'rw' {
  if (permission === 0o600) return 'rw';
  return permission === 0o200 ? 'w' : 'r';
}

/** A path that fits: the end of a long one says more than its beginning. */
export function shorten(path: string, columns: number): string {
  return path.length <= columns ? path : `…${path.slice(path.length - columns + 1)}`;
}

/** Lines of at most so many columns, but for words that are longer. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
