/**
 * Buffers, segments, threads and the collector: whoever outlives whom, nothing faults, and nothing piles up.
 * RSM_NIGHTLY=1: a minute of torture, 300 workers, 100,000 cycles.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import type { Counts } from '../support/counts.ts';
import { leftovers } from '../support/runtime.ts';
import { directory } from '../support/scene.ts';

const NIGHTLY = process.env.RSM_NIGHTLY === '1';
const CYCLES = NIGHTLY ? 100_000 : 5_000;
const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const path = (name: string): string => fileURLToPath(new URL(`./programs/${name}`, import.meta.url));

async function run(program: string, argument: string): Promise<unknown> {
  const extent = NIGHTLY ? { RSM_TORTURE_SECONDS: '60', RSM_WORKERS: '300' } : {};
  const env = { ...process.env, ...extent, RSM_TEST_DIST: dist };
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', path(program), argument], {
    env,
  });
  return JSON.parse(stdout);
}

const play = (scene: string): Promise<unknown> => run('lifetimes.mjs', scene);

afterEach(() => {
  expect(leftovers(directory), 'files of the scene').toEqual({ claims: [], records: [] });
});

test('a buffer keeps its segment connected when nobody has the segment; both are collected in the end', async () => {
  expect(await play('open')).toEqual({ seen: 9, importers: 1, collected: true, left: 0 });
});

test('a view on a closed segment has no bytes, and sees no other segment in its place', async () => {
  expect(await play('closed')).toEqual({ length: [0, 0], read: null, others: 50 });
});

test('a buffer cannot be transferred away from its segment', async () => {
  const found = (await play('transferred')) as { refused: unknown[] };
  expect(found).toMatchObject({ seen: 6, length: 0 });
  // By the runtime's version: the transfer copies, throws a DataCloneError (25) or a TypeError.
  for (const code of found.refused) expect(['done', 25, 'TypeError']).toContain(code);
});

test('detached memory is refused, and nothing changes', async () => {
  const codes = ['RSMERR_BAD_LENGTH', 'RSMERR_BAD_LENGTH', 'RSMERR_BAD_ADDR', 'RSMERR_BAD_ADDR', 'done'];
  expect(await play('detached')).toEqual({ codes, seen: 1 });
});

test('hundreds of workers come and go, in every way, and leave nothing', { timeout: 600_000 }, async () => {
  expect(await play('workers')).toEqual({ collected: true, importers: 0 });
});

test('the collector at every corner, of things that nobody closed', { timeout: 600_000 }, async () => {
  expect(await play('torture')).toEqual({ collected: true, turned: true });
});

test(`${CYCLES} cycles of export, connect, transfer and close: everything is flat`, {
  timeout: 3_600_000,
}, async () => {
  const { before, after } = (await run('cycles.mjs', String(CYCLES))) as { before: Counts; after: Counts };
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  // The engine's own heap may have grown by a few chunks, and no more however many cycles there were.
  expect(after.mappings - before.mappings).toBeLessThan(100);
  expect(after.sharedKiB - before.sharedKiB).toBeLessThan(512);
});
