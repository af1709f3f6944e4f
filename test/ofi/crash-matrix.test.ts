/**
 * The crash matrix of gateways: either of the two ends while a segment is used between their nodes, in the middle of
 * what it does for that. docs/reference/crash-matrix.md is what the survivors must find.
 *
 * RSM_NIGHTLY=1 takes more of the system calls; RSM_WRITE=1 writes the table anew.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { gatewaySteps, runGateway } from '../support/crash/gateway-cell.ts';
import {
  endsOfGateway,
  GATEWAY_OPERATIONS,
  type GatewayOperation,
  gatewayCanEndAt,
} from '../support/crash/gateway-operations.ts';
import { GatewaySurvivors } from '../support/crash/gateway-survivors.ts';
import { expectedRows, Row, titleOf, writeTable } from '../support/crash/table.ts';
import { AFTERWARDS, chosen, type End, type Point } from '../support/crash/trace.ts';
import { watched } from '../support/crash/watched.ts';
import { libfabricIsMissing } from '../support/libfabric.ts';
import { compile } from '../support/program.ts';
import { directory } from '../support/scene.ts';
import { test } from './scene.ts';

const NIGHTLY = process.env.RSM_NIGHTLY === '1';
const LANES = 3;

const lanes: GatewaySurvivors[] = [];
const rows: Map<string, Row> = new Map();
let ends = 0;

beforeAll(async () => {
  if (libfabricIsMissing) return;
  const library = compile('crash/points', ['-shared', '-fPIC']);
  const folders = Array.from({ length: LANES }, (_, lane) => join(directory, `lane-${lane}`));
  lanes.push(...(await Promise.all(folders.map((folder) => GatewaySurvivors.start(library, folder)))));
}, 120_000);
afterAll(() => Promise.all(lanes.map((lane) => lane.end())), 60_000);

function pointsOf(end: End, all: Point[]): Point[] {
  const points = all.filter((point) => gatewayCanEndAt(end, point));
  if (points.length === 0) return [AFTERWARDS];
  if (end === 'SIGKILL') return chosen(points, NIGHTLY ? 40 : 2);
  return chosen(points, NIGHTLY ? 8 : 1);
}

async function play(lane: GatewaySurvivors, operation: GatewayOperation): Promise<string[]> {
  const wrong: string[] = [];
  const all = await watched(operation.name, gatewaySteps(lane, operation));
  const before = await lane.holdings(operation.role);
  for (const end of endsOfGateway(operation)) {
    const row = new Row(titleOf(operation, end));
    rows.set(row.title, row);
    for (const point of pointsOf(end, all)) {
      const at = `${row.title} ${point.when} ${point.threads} ${point.number} ${point.name}`;
      row.add(await watched(at, runGateway(lane, operation, end, point)));
      ends += 1;
      const held = await lane.holdings(operation.role);
      if (JSON.stringify(held) !== JSON.stringify(before)) {
        wrong.push(`${at}: the survivors hold ${JSON.stringify(held)}, before ${JSON.stringify(before)}`);
      }
    }
  }
  return wrong;
}

test(`whichever gateway ends, wherever: the survivors find what the crash matrix says${NIGHTLY ? ', at many calls' : ''}`, {
  timeout: NIGHTLY ? 7_200_000 : 1_200_000,
}, async () => {
  const waiting = [...GATEWAY_OPERATIONS];
  const wrong: string[] = [];
  const work = async (lane: GatewaySurvivors): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      wrong.push(...(await play(lane, next)));
    }
  };
  await Promise.all(lanes.map(work));
  console.log(`${ends} ends of gateways`);
  const titles = GATEWAY_OPERATIONS.flatMap((operation) =>
    endsOfGateway(operation).map((end) => titleOf(operation, end)),
  );
  if (process.env.RSM_WRITE === '1') writeTable('gateways', titles, rows, ends);
  expect(wrong).toEqual([]);
  const expected = expectedRows('gateways');
  expect([...rows.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const row of rows.values()) row.expectWithin(expected.get(row.title)!);
});
