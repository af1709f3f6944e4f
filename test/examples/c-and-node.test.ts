/** examples/c-and-node: a C program and two Node processes on one System V segment, of which nothing stays. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { type Example, example, examples, program } from '../support/example.ts';

const folder: string = mkdtempSync(join(tmpdir(), 'rsm-sensor-'));
const sensor: string = join(folder, 'sensor');
const flags: string[] = ['-O2', '-Wall', '-Wextra', '-Werror', '-std=gnu11'];
execFileSync('cc', [...flags, '-o', sensor, join(examples, 'c-and-node', 'sensor.c')]);
afterAll(() => rmSync(folder, { recursive: true }));

async function exporting(): Promise<{ c: Example; exporter: Example; shmid: string }> {
  const c = program(sensor);
  const [shmid] = await c.match(/^shmid (\d+)$/);
  const exporter = example('c-and-node/exporter.mjs', [shmid!]);
  expect(await exporter.line()).toBe('published 0x440000: 36864 bytes');
  return { c, exporter, shmid: shmid! };
}

/** Waits until nobody is attached to it any more. */
async function gone(shmid: string): Promise<void> {
  const isThere = () =>
    readFileSync('/proc/sysvipc/shm', 'utf8')
      .split('\n')
      .some((line) => line.split(/\s+/)[2] === shmid);
  while (isThere()) await sleep(10);
}

test('Node reads what C writes, and C what Node writes', async () => {
  const { c, exporter, shmid } = await exporting();
  const reader = example('c-and-node/reader.mjs', ['20']);
  expect(await reader.line()).toBe('20 readings, mean 22.0');
  expect(await reader.end()).toEqual({ status: 0, errors: '' });
  const [count] = await c.match(/^stopped after (\d+)$/);
  expect(Number(count)).toBeGreaterThanOrEqual(20);
  expect(await c.end()).toEqual({ status: 0, errors: '' });
  exporter.finish();
  expect(await exporter.end()).toEqual({ status: 0, errors: '' });
  await gone(shmid);
});

test('the memory outlives the C program, and goes with the last process', async () => {
  const { c, exporter, shmid } = await exporting();
  await sleep(100);
  await c.kill();
  const reader = example('c-and-node/reader.mjs', ['5']);
  expect(await reader.line()).toBe('5 readings, mean 22.0');
  expect(await reader.end()).toEqual({ status: 0, errors: '' });
  await exporter.kill();
  await gone(shmid);
});
