/** examples/work-queue: the count is right, whoever is killed on the way. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openController } from '../../src/api/index.ts';
import { type Example, example, runtime } from '../support/example.ts';

const LIMIT = 2_000_000;
const RESULT = '148933 primes below 2000000';

async function dispatching(): Promise<{ dispatcher: Example; workers: number[] }> {
  const dispatcher = example('work-queue/dispatcher.mjs', ['3', String(LIMIT)]);
  const workers: number[] = [];
  while (workers.length < 3) workers.push(Number((await dispatcher.match(/^worker (\d+) started$/))[0]));
  return { dispatcher, workers };
}

/** Stops workers until one is stopped with a job in hand. */
async function stopAtWork(workers: number[]): Promise<number> {
  const { Queue, SEGMENT_ID } = await import('../../examples/work-queue/queue.mjs' as string);
  process.env.RSM_RUNTIME_DIR = runtime;
  const controller = openController();
  const segment = controller.connectSync({ id: SEGMENT_ID, mode: 'r' });
  const queue = new Queue(segment.map());
  try {
    for (;;) {
      for (const pid of workers) {
        process.kill(pid, 'SIGSTOP');
        while (!/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await sleep(1);
        if (queue.taken(pid) > 0) return pid;
        process.kill(pid, 'SIGCONT');
        await sleep(1);
      }
    }
  } finally {
    segment.close();
    controller.close();
  }
}

test('three workers count the primes', async () => {
  const { dispatcher, workers } = await dispatching();
  expect(await dispatcher.line()).toBe(RESULT);
  expect(await dispatcher.end()).toEqual({ status: 0, errors: '' });
  for (const pid of workers) while (existsSync(`/proc/${pid}`)) await sleep(10);
});

test('the job of a worker that is killed is offered again', async () => {
  const { dispatcher, workers } = await dispatching();
  const victim = await stopAtWork(workers);
  process.kill(victim, 'SIGKILL');
  expect(await dispatcher.line()).toBe(`worker ${victim} ended by SIGKILL: 1 jobs offered again`);
  expect(await dispatcher.line()).toMatch(/^worker \d+ started$/);
  expect(await dispatcher.line()).toBe(RESULT);
  expect(await dispatcher.end()).toEqual({ status: 0, errors: '' });
});

test('workers end when the dispatcher is killed', async () => {
  const { dispatcher, workers } = await dispatching();
  await stopAtWork(workers).then((pid) => process.kill(pid, 'SIGCONT'));
  await dispatcher.kill();
  expect((await dispatcher.end()).errors, "which is the workers' too").toBe('');
  for (const pid of workers) while (existsSync(`/proc/${pid}`)) await sleep(10);
});
