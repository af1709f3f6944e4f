/** How `rsm` writes for people: calm, 80 columns, colours only where they are seen. */
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'green' | 'cyan';

function coloured(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors() && process.env.NO_COLOR === undefined;
}

export function paint(style: Style, text: string): string {
  return coloured() ? styleText(style, text) : text;
}

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** 1 byte, 512 bytes, 93.4 MiB. */
export function bytes(count: number): string {
  if (count < 1024) return count === 1 ? '1 byte' : `${count} bytes`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), BYTE_UNITS.length);
  return `${(count / 1024 ** power).toFixed(1)} ${BYTE_UNITS[power - 1]}`;
}

/** 0.31 ms, 4.2 ms, 180 ms, 2.40 s. */
export function duration(timeMs: number): string {
  if (timeMs >= 1000) return `${(timeMs / 1000).toFixed(2)} s`;
  if (timeMs >= 100) return `${timeMs.toFixed(0)} ms`;
  return `${timeMs.toFixed(timeMs >= 1 ? 1 : 2)} ms`;
}

/** 0x80000001 */
export function segmentId(id: number): string {
  return `0x${id.toString(16)}`;
}

/** A path that fits: the end of a long one says more than its beginning. */
export function shorten(path: string, columns: number): string {
  return path.length <= columns ? path : `…${path.slice(path.length - columns + 1)}`;
}
