/** Workers that use segments of other nodes and end in the middle of it. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { until } from '../support/actors.ts';
import { controllerOf, exportOn, LENGTH, nodeOf, pair, test } from './scene.ts';

const PROGRAM = join(import.meta.dirname, 'programs.mjs');
const WAYS = ['put', 'unchecked', 'waitSync', 'lock', 'async', 'connect', 'events', 'exit'];

async function started(id: number, what: string): Promise<Worker> {
  const worker = new Worker(PROGRAM, { workerData: { config: nodeOf(2).config, id, what } });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return worker;
}

test('are terminated whatever they do, and leave nothing with the exporter', async () => {
  const { exported, id } = exportOn(controllerOf(1), { lockOps: true });
  for (let round = 0; round < 3; round++) {
    const workers = await Promise.all(WAYS.map((what) => started(id, what)));
    exported.post();
    await new Promise((resolve) => setTimeout(resolve, 20 * round));
    await Promise.all(workers.map((worker) => worker.terminate()));
    await until(() => exported.importers === 0);
  }
  expect(exported.lock(0).acquireSync(30_000)).not.toBeNull();
});

test('a transfer whose source is changed meanwhile puts what it finds, and nothing else happens', async () => {
  const { imported, bytes } = pair();
  const source = new Uint8Array(LENGTH).fill(1);
  const done = imported.putAsync(0, source);
  source.fill(2);
  await done;
  expect(bytes.every((byte) => byte === 1 || byte === 2)).toBe(true);
});
