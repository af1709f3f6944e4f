/** X3: locks and atomic operations, where exporter, holder and waiter are three processes. */
import { openController } from '../../dist/api/index.js';
import { alternate, line, nanosecondsEach, peer, reference } from '../harness.js';

export const id = 'X3';
export const question = 'locks against a robust mutex of pthreads, which is not fair and not for other users';

const [GO, DONE, TAKEN] = [8, 16, 24];
/** So long the other one has to fall asleep, as in reference/lock.c. */
const ASLEEP_NS = 50_000n;
/** Two messages, and threads that wake up for them, where a futex wakes one. */
const HAND_OVER = { atMost: 4 };

export async function run({ smoke, rounds, buildDirectory }, report) {
  const count = smoke ? 100 : 200_000;
  const turns = smoke ? 10 : 2_000;
  const mutex = reference('lock', buildDirectory);
  const exporter = await peer('locks', 'exporter');
  const other = await peer('locks', 'importer', exporter.ready.node, exporter.ready.id);
  const controller = openController();
  const segment = controller.connectSync(exporter.ready);
  const memory = segment.map();
  const lock = segment.lock(0);
  const loop = (action) => () =>
    nanosecondsEach(count, (times) => {
      for (let i = 0; i < times; i += 1) action();
    });
  const found = await alternate(rounds, {
    free: loop(() => lock.acquireSync().release()),
    cFree: () => mutex('free', count),
    add32: loop(() => segment.fetchAdd(128, 1)),
    add64: loop(() => segment.fetchAdd(136, 1n)),
    handOver: async () => {
      new BigInt64Array(memory).fill(0n, GO);
      await other.ask({ count: turns });
      return handOver(lock, memory, turns);
    },
    cHandOver: () => mutex('hand-over', turns),
  });
  await other.end();
  await exporter.end();
  segment.close();
  controller.close();
  const row = (name, ours, c, target) => report(line({ name, unit: 'ns', ours, reference: c, target }));
  row('acquireSync + release, free', found.free, found.cFree);
  row('release to the waiter that has it', found.handOver, found.cHandOver, HAND_OVER);
  row('fetchAdd, 32 bit', found.add32);
  row('fetchAdd, 64 bit', found.add64);
}

/** Nanoseconds from a release to the return of the other process's acquireSync, in the middle. */
function handOver(lock, memory, turns) {
  const times = new BigInt64Array(memory);
  const word = new Uint32Array(memory, 0, 1);
  let total = 0n;
  for (let i = 1n; i <= turns; i += 1n) {
    const held = lock.acquireSync();
    Atomics.store(times, GO, i);
    while (Atomics.load(word, 0) < 2 ** 31); // until it waits
    const asleep = process.hrtime.bigint() + ASLEEP_NS;
    while (process.hrtime.bigint() < asleep);
    const released = process.hrtime.bigint();
    held.release();
    while (Atomics.load(times, DONE) !== i);
    total += Atomics.load(times, TAKEN) - released;
  }
  return Number(total) / turns;
}
