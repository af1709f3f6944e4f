/** The table of bench/run.js, for people; the same lines go to JSON for programs. */
import { shapeOf } from './shape.js';

const COLUMNS = [48, 22, 22, 8, 18];

export function printHeading(id, name, question) {
  print(`\n${id} ${name}: ${question}`);
  print(columns(['', 'ours', 'reference', 'ratio', 'target']));
}

export function printLine({ name, unit, ours, reference, ratio, target, met }) {
  const cells = [
    name,
    figure(ours, unit),
    reference === undefined ? '-' : figure(reference, unit),
    ratio === undefined ? '-' : digits(ratio),
    target === undefined ? '-' : `${target} ${verdict(met)}`,
  ];
  print(columns(cells));
}

/** The shape of a cost, and its ends. */
export function printShape({ name, over, unit, points }) {
  const at = ([count, cost]) => `${digits(cost)} ${unit} at ${count.toLocaleString('en')}`;
  print(`${name} over ${over}: ${shapeOf(points)}; ${at(points[0])}, ${at(points.at(-1))}`);
}

/** What could not be measured here, and why. */
export function printSkipped(what, reason) {
  print(`${what}: skipped, ${reason}`);
}

export function printLegend() {
  print('\nMedians; the spread of the rounds is the +- beside them, half of highest less lowest.');
}

function figure({ median, low, high }, unit) {
  return `${digits(median)} +-${digits((high - low) / 2)} ${unit}`;
}

export function verdict(met) {
  return met === undefined ? '' : met ? 'met' : 'NOT met';
}

export function digits(value) {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size > 0 && size < 0.1) return value.toPrecision(2);
  return value.toFixed(size >= 10 ? 1 : 2);
}

function columns(cells) {
  const padded = cells.map((cell, index) =>
    index === 0 || index === cells.length - 1 ? cell.padEnd(COLUMNS[index]) : cell.padStart(COLUMNS[index]),
  );
  return padded.join('  ').trimEnd();
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
