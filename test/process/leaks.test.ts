/** Nothing piles up: descriptors, mappings, threads and shared memory are where they were. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Counts } from '../support/counts.ts';
import { killed, leftovers } from '../support/runtime.ts';
import { directory } from '../support/scene.ts';

const program = fileURLToPath(new URL('./programs/cycles.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

test('2,000 cycles of export, connect, transfer and close leave the process as it was', async () => {
  const env = { ...process.env, RSM_TEST_DIST: dist };
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, '2000'], { env });
  const { before, after } = JSON.parse(stdout) as { before: Counts; after: Counts };
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  // Of 2,000 cycles: the engine's own heap may have grown by a few chunks.
  expect(after.mappings - before.mappings).toBeLessThan(100);
  expect(after.sharedKiB - before.sharedKiB).toBeLessThan(512);
  expect(leftovers(directory)).toEqual({ claims: [], records: [] });
});

test('the memory of ended processes is given back to the system', async () => {
  const shared = (): number => Number(/^Shmem:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]);
  const before = shared();
  const env = { ...process.env, RSM_TEST_DIST: dist };
  const source = `
    const api = await import(process.env.RSM_TEST_DIST + '/api/index.js');
    const memory = api.allocate(256 * 1024 * 1024);
    new Uint8Array(memory).fill(1);
    const controller = api.openController();
    const id = controller.createExport(memory).publish();
    new Uint8Array((await controller.connect({ id, mode: 'rw' })).map()).fill(2);
    process.kill(process.pid, 'SIGKILL');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], { env });
  killed.add(run.child.pid!);
  await expect(run).rejects.toMatchObject({ signal: 'SIGKILL' });
  // Half of it: other tests allocate meanwhile.
  while (shared() - before > 128 * 1024) await new Promise((resolve) => setTimeout(resolve, 20));
});
