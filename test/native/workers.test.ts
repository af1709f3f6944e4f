/** The addon in threads that are ended in the middle of something. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import { native } from '../../src/native/index.ts';
import { counts } from '../support/counts.ts';
import { addon, collect, directory, grants, type Published, published } from './scene.ts';

/** A process whose agent was stopped: its socket takes connections and nobody answers. */
let silent: ChildProcess;

afterAll(() => silent?.kill('SIGKILL'));

async function silentSocket(): Promise<string> {
  const program = `
    const native = require(${JSON.stringify(addon)});
    native.openRecord(${JSON.stringify(directory)}, 'silent', 0, -1);
    console.log('ready');
    setInterval(() => {}, 1000);`;
  silent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(silent.stdout!, 'data');
  silent.kill('SIGSTOP');
  return join(directory, 'silent.s');
}

let started = 0;

async function start(scene: string, exporter: Published, silentPath = ''): Promise<Worker> {
  const workerData = {
    addon,
    scene,
    request: exporter.request,
    directory,
    name: `worker-${++started}`,
    grants,
    silent: silentPath,
  };
  const worker = new Worker(new URL('./programs/worker.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  return worker;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('50 workers end while they wait, poll, watch, export, connect or have ended', async () => {
  const socket = await silentSocket();
  const exporter = published();
  const scenes = ['wait', 'poll', 'watch', 'export', 'connectAsync', 'ends'];
  const play = async (scene: string): Promise<void> => {
    const worker = await start(scene, exporter, socket);
    await pause(started % 3);
    await worker.terminate();
  };
  for (const scene of scenes) await play(scene);
  await expect.poll(() => native.importers(exporter.segment)).toBe(0);
  await collect();
  const before = counts();
  for (let i = 0; i < 50; i++) await play(scenes[i % scenes.length]!);
  await expect.poll(() => native.importers(exporter.segment)).toBe(0);
  await collect();
  const after = counts();
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  native.destroyExport(exporter.segment);
});

test.each(['throwInWatch', 'throwInOnAbort'])('%s: an uncaught exception of its thread', async (scene) => {
  const exporter = published();
  const worker = await start(scene, exporter);
  const failed = once(worker, 'error') as Promise<[Error]>;
  native.post(exporter.segment, false);
  if (scene === 'throwInOnAbort') native.unpublish(exporter.segment);
  const [error] = await failed;
  expect(error.message).toBe(`thrown in ${scene === 'throwInWatch' ? 'watch' : 'onAbort'}`);
  native.destroyExport(exporter.segment);
});
