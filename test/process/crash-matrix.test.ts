/**
 * The crash matrix: every role, in the middle of every operation, ends in every way, at system calls chosen
 * among all that the operation makes. docs/reference/crash-matrix.md is what the survivors must find.
 *
 * RSM_NIGHTLY=1 takes every system call; RSM_WRITE=1 writes the page anew.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, steps } from '../support/crash/cell.ts';
import { canEndAt, endsOf, OPERATIONS, type Operation } from '../support/crash/operations.ts';
import { Survivors } from '../support/crash/survivors.ts';
import { expectedRows, Row, titleOf, writeTable } from '../support/crash/table.ts';
import { AFTERWARDS, chosen, type End, type Point } from '../support/crash/trace.ts';
import { watched } from '../support/crash/watched.ts';
import { compile } from '../support/program.ts';
import { directory } from '../support/scene.ts';

const NIGHTLY = process.env.RSM_NIGHTLY === '1';
const POINTS_OF_A_SIGNAL = NIGHTLY ? Number.POSITIVE_INFINITY : 3;
const POINTS_OF_JAVASCRIPT = NIGHTLY ? Number.POSITIVE_INFINITY : 2;
const LANES = NIGHTLY ? 6 : 3;

const library = compile('crash/points', ['-shared', '-fPIC']);
const lanes: Survivors[] = [];
const rows: Map<string, Row> = new Map();
let ends = 0;

beforeAll(async () => {
  for (let lane = 0; lane < LANES; lane += 1) {
    const path = join(directory, `lane-${lane}`);
    mkdirSync(path, { mode: 0o1777 });
    lanes.push(await Survivors.start(path));
  }
});
afterAll(() => Promise.all(lanes.map((lane) => lane.end())));

function pointsOf(operation: Operation, end: End, all: Point[]): Point[] {
  const points = all.filter((point) => canEndAt(operation, end, point));
  const most = end.startsWith('SIG') ? POINTS_OF_A_SIGNAL : POINTS_OF_JAVASCRIPT;
  // Without a step there is only the moment after the call; the kernel chooses anew each time.
  if (points.length === 0) return Array(NIGHTLY ? 10 : 1).fill(AFTERWARDS);
  return chosen(points, most);
}

async function play(lane: Survivors, operation: Operation): Promise<string[]> {
  const wrong: string[] = [];
  const all = await watched(operation.name, steps(lane, library, operation));
  const before = await lane.holdings();
  for (const end of endsOf(operation)) {
    const row = new Row(titleOf(operation, end));
    rows.set(row.title, row);
    for (const point of pointsOf(operation, end, all)) {
      const at = `${row.title} ${point.when} ${point.threads} ${point.number} ${point.name}`;
      row.add(await watched(at, run(lane, library, operation, end, point)));
      ends += 1;
      const held = await lane.holdings();
      if (JSON.stringify(held) !== JSON.stringify(before)) {
        wrong.push(`${at}: the survivors hold ${JSON.stringify(held)}, before ${JSON.stringify(before)}`);
      }
    }
  }
  return wrong;
}

test(`whoever ends, wherever: the survivors find what the crash matrix says${NIGHTLY ? ', at every call' : ''}`, {
  timeout: NIGHTLY ? 7_200_000 : 1_200_000,
}, async () => {
  const waiting = [...OPERATIONS];
  const wrong: string[] = [];
  const work = async (lane: Survivors): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      wrong.push(...(await play(lane, next)));
    }
  };
  await Promise.all(lanes.map(work));
  console.log(`${ends} ends`);
  const titles = OPERATIONS.flatMap((operation) => endsOf(operation).map((end) => titleOf(operation, end)));
  if (process.env.RSM_WRITE === '1') writeTable('processes', titles, rows, ends);
  expect(wrong).toEqual([]);
  expect(ends).toBeGreaterThanOrEqual(NIGHTLY ? 2_000 : 200);
  const expected = expectedRows('processes');
  expect([...rows.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const row of rows.values()) row.expectWithin(expected.get(row.title)!);
});
