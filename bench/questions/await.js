/** T5: the events of T4 on the event loop, as promises and as an async iterator. */
import { allocate, openController } from '../../dist/api/index.js';
import {
  alternate,
  inMicroseconds,
  latenciesAsync,
  line,
  nanosecondsEachAsync,
  peer,
  reference,
} from '../harness.js';
import { PLACES, settleOn } from '../proc.js';

export const id = 'T5';
export const question = 'post, wait, post awaited on both sides, against an eventfd in C';

export async function run({ smoke, rounds, buildDirectory, plot }, report) {
  const count = smoke ? 50 : 10_000;
  const wakeInC = reference('wake', buildDirectory);
  const controller = openController();
  const pair = async (how) => {
    const segment = controller.createExport(allocate(4096));
    const other = await peer('echo', controller.nodeId, segment.publish(), how);
    return { segment, other };
  };
  const promises = await pair('wait');
  const iterators = await pair('events');
  const { segment } = promises;
  const roundTrip = async () => {
    segment.post();
    await segment.wait();
  };
  for (const { where, processors } of PLACES) {
    settleOn(processors[0]);
    for (const { other } of [promises, iterators]) settleOn(processors[1], other.pid);
    const found = await alternate(rounds, {
      promises: async () => {
        await promises.other.ask({ count });
        return await nanosecondsEachAsync(count, () => awaitEach(promises.segment, count));
      },
      iterators: async () => {
        await iterators.other.ask({ count });
        return await nanosecondsEachAsync(count, () => iterate(iterators.segment, count));
      },
      c: () => wakeInC('eventfd', count, ...processors, 0),
    });
    await promises.other.ask({ count });
    const quantiles = await latenciesAsync(count, roundTrip);
    plot('latency', { chart: 'events', name: `awaited, ${where}`, ours: true, quantiles });
    const c = inMicroseconds(found.c);
    const row = (name, ours) =>
      report(
        line({
          name: `${where}; ${name}`,
          unit: 'us',
          ours: inMicroseconds(ours),
          reference: c,
          target: { atMost: 1.6 },
        }),
      );
    row('wait()', found.promises);
    row('events()', found.iterators);
  }
  settleOn(undefined);
  await promises.other.end();
  await iterators.other.end();
  controller[Symbol.dispose]();
}

async function awaitEach(segment, count) {
  for (let i = 0; i < count; i += 1) {
    segment.post();
    await segment.wait();
  }
}

async function iterate(segment, count) {
  let left = count;
  segment.post();
  for await (const _ of segment.events()) {
    left -= 1;
    if (left === 0) return;
    segment.post();
  }
}
