/**
 * Many processes that do everything at random, on one node, while some are killed: `npm run test:soak -- --minutes N`.
 * Each checks what must hold (programs/soaker.mjs); beside it the random walk is compared with its model.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { randomness } from '../support/actors.ts';
import { figures } from '../support/figures.ts';
import { killed, leftovers } from '../support/runtime.ts';
import { directory } from '../support/scene.ts';

const SECONDS = Number(process.env.RSM_SOAK_SECONDS ?? 10);
const PROCESSES = 6;
const MOST_BETWEEN_KILLS_MS = 600;
const program = fileURLToPath(new URL('./programs/soaker.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

interface Figures {
  operations: number;
  aborts: number;
  rebinds: number;
  connects: number;
  wakeUps: number;
  latenciesUs: number[];
}

const total: Figures = { operations: 0, aborts: 0, rebinds: 0, connects: 0, wakeUps: 0, latenciesUs: [] };
const findings: string[] = [];

function add(figures: Figures): void {
  for (const key of ['operations', 'aborts', 'rebinds', 'connects', 'wakeUps'] as const) {
    total[key] += figures[key];
  }
  // A sample is enough for the figures of hours.
  if (total.latenciesUs.length < 1_000_000) total.latenciesUs.push(...figures.latenciesUs);
}

function start(number: number): ChildProcess {
  const command = ['--pdeathsig', 'KILL', process.execPath, program, String(number), String(PROCESSES)];
  const child = spawn('setpriv', command, {
    env: { ...process.env, RSM_TEST_DIST: dist },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killed.add(child.pid!);
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  createInterface({ input: child.stdout }).on('line', (line) => add(JSON.parse(line) as Figures));
  child.on('close', (code, signal) => {
    if (signal !== 'SIGKILL') findings.push(`process ${number} ended with ${signal ?? code}: ${said}`);
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

const percentile = (sorted: number[], part: number): string =>
  (sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN).toFixed(0);

test(`${SECONDS} seconds of ${PROCESSES} processes that do everything, and are killed`, {
  timeout: SECONDS * 1_000 + 120_000,
}, async () => {
  const { next } = randomness();
  const processes = Array.from({ length: PROCESSES }, (_, number) => start(number));
  let kills = 0;
  for (const end = Date.now() + SECONDS * 1_000; Date.now() < end && findings.length === 0; ) {
    await pause(next(MOST_BETWEEN_KILLS_MS));
    const victim = next(PROCESSES);
    await kill(processes[victim]!);
    kills += 1;
    processes[victim] = start(victim);
  }
  // Who was started last has said what it did.
  for (const limit = Date.now() + 60_000; total.wakeUps === 0 && Date.now() < limit; ) await pause(50);
  await Promise.all(processes.map(kill));
  const { latenciesUs, ...counts } = total;
  const sorted = latenciesUs.sort((one, other) => one - other);
  const parts = [0.5, 0.9, 0.99, 1].map((part) => percentile(sorted, part));
  const names = ['median', '90 %', '99 %', 'longest'];
  figures(`${PROCESSES} processes of one node that do everything, ${SECONDS} seconds`, {
    'processes killed': kills,
    operations: counts.operations,
    connects: counts.connects,
    rebinds: counts.rebinds,
    'imports aborted': counts.aborts,
    'waits that a post has ended': counts.wakeUps,
    'post, wake-up, post and wake-up back, µs': names.map((name, at) => `${name} ${parts[at]}`).join(', '),
  });
  expect(findings).toEqual([]);
  expect(Math.min(counts.operations, counts.connects, counts.rebinds, counts.wakeUps)).toBeGreaterThan(0);
  const { openController } = await import('../../src/api/index.ts');
  openController().close(); // tidies
  expect(leftovers(directory)).toEqual({ claims: [], records: [] });
});
