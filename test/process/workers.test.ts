/** worker_threads: one agent for all of them, whoever started it, and segments that end with their thread. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { leftovers } from '../support/runtime.ts';
import { directory } from '../support/scene.ts';

const program = fileURLToPath(new URL('./programs/workers.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

async function play(scene: string): Promise<unknown> {
  const env = { ...process.env, RSM_TEST_DIST: dist };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, scene], { env });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

afterEach(() => {
  expect(leftovers(directory), 'files of the scene').toEqual({ claims: [], records: [] });
});

test('the first worker, which started the agent, ends while the others go on', async () => {
  expect(await play('first-ends')).toEqual({ aborted: 'RSMERR_CONN_ABORTED', seen: 2, rebound: 3 });
});

test('workers come and go in any order', async () => {
  expect(await play('come-and-go')).toEqual({ counts: [6, 1, 2, 4, 4] });
});

test('C-030 segments end with their thread', async () => {
  expect(await play('segments-end')).toEqual({
    aborted: 'RSMERR_CONN_ABORTED',
    connect: 'RSMERR_SEG_NOT_PUBLISHED',
    published: true,
  });
});

test('worker.terminate() in the middle of a wait ends the worker and nothing else', async () => {
  const exits = { importSync: 'number', importAwait: 'number', exportSync: 'number', exportAwait: 'number' };
  expect(await play('terminate-in-wait')).toEqual({ exits, alive: 'done' });
});

test('workers that connect for themselves share the memory', async () => {
  expect(await play('shared-by-all')).toEqual({ total: 300_000 });
});

test('a process can exit while its workers export, import and wait', async () => {
  expect(await play('exit-with-workers')).toEqual({ id: true });
});
