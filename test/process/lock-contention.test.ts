/**
 * Eight processes that want one lock all the time, some of which are killed at random: nobody starves, no two
 * have it at once, each death is told once. RSM_CONTENTION_SECONDS is how long (4; 60 for a real test).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as api from '../../src/api/index.ts';
import { randomness } from '../support/actors.ts';
import { figures } from '../support/figures.ts';
import { killed } from '../support/runtime.ts';
import { later } from '../support/scene.ts';

const SECONDS = Number(process.env.RSM_CONTENTION_SECONDS ?? 4);
const PROCESSES = 8;
/** The slots whose processes are killed; the others live through it. */
const VICTIMS = 3;
const [STOP, DEATHS, VIOLATIONS, TURNS, ALL] = [2, 3, 4, 8, 32] as const;

const program = fileURLToPath(new URL('./programs/contender.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

interface Contender {
  process: ChildProcess;
  ended: Promise<{ status: number | null; output: string; errors: string }>;
}

function contender(id: number, slot: number): Contender {
  const started = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', process.execPath, program, String(id), String(slot)],
    { env: { ...process.env, RSM_TEST_DIST: dist } },
  );
  const ended = Promise.all([once(started, 'close'), text(started.stdout), text(started.stderr)]).then(
    ([[status], output, errors]) => ({ status: status as number | null, output, errors }),
  );
  return { process: started, ended };
}

test(`${SECONDS} seconds of contention with random kills: nobody starves, nobody meets another`, {
  timeout: SECONDS * 1000 + 180_000,
}, async () => {
  const { next } = randomness();
  const controller = api.openController();
  const owner = controller.createExport(api.allocate(4096), { lockOps: true });
  const words = new Uint32Array(owner.memory);
  const id = owner.publish();
  const contenders = Array.from({ length: PROCESSES }, (_, slot) => contender(id, slot));
  later(() => {
    for (const { process } of contenders) process.kill('SIGKILL');
    owner.close();
    controller.close();
  });
  const turnsOf = (slot: number): number => Atomics.load(words, TURNS + slot);
  const everybody = Array.from({ length: PROCESSES }, (_, slot) => slot);
  while (everybody.some((slot) => turnsOf(slot) === 0)) await pause(5);

  const since = everybody.map(turnsOf); // the first had it for themselves
  let kills = 0;
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end || kills === 0) {
    await pause(next(60));
    const slot = next(VICTIMS);
    const { process, ended } = contenders[slot]!;
    killed.add(process.pid!);
    process.kill('SIGKILL');
    await ended;
    kills += 1;
    const before = turnsOf(slot);
    contenders[slot] = contender(id, slot);
    while (turnsOf(slot) === before) await pause(5); // who comes new gets its turn too
  }
  words[STOP] = 1;
  const results = await Promise.all(contenders.map(({ ended }) => ended));
  expect(results.map(({ status, errors }) => [status, errors])).toEqual(Array(PROCESSES).fill([0, '']));

  const turns = everybody.map(turnsOf);
  const overtaken = results.map(({ output }) => (JSON.parse(output) as { overtaken: number }).overtaken);
  figures(`${PROCESSES} processes that contend for one lock, ${SECONDS} seconds`, {
    'processes killed': kills,
    'of these with the lock, their successor told': words[DEATHS]!,
    'turns taken, by process': turns.map((count) => count.toLocaleString('en')).join(', '),
    'turns of others from the call to the lock, at most': Math.max(...overtaken),
  });
  expect(words[VIOLATIONS]).toBe(0);
  expect(words[DEATHS]).toBeLessThanOrEqual(kills);
  expect(words[ALL]).toBe(turns.reduce((sum, count) => sum + count));
  expect(owner.lock(0).tryAcquire()?.ownerDied, 'every death was told').toBe(false);
  const lived = turns.map((count, slot) => count - since[slot]!).slice(VICTIMS);
  expect(Math.min(...lived), 'of those who lived through it').toBeGreaterThan(Math.max(...lived) / 20);
});
