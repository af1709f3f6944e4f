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
  const found = await alternate(rounds, {
    promises: async () => {
      await promises.other.ask({ count });
      return await nanosecondsEachAsync(count, () => awaitEach(promises.segment, count));
    },
    iterators: async () => {
      await iterators.other.ask({ count });
      return await nanosecondsEachAsync(count, () => iterate(iterators.segment, count));
    },
    c: () => wakeInC('eventfd', count),
  });
  await promises.other.ask({ count });
  const { segment } = promises;
  const roundTrip = async () => {
    segment.post();
    await segment.wait();
  };
  plot('latency', {
    chart: 'events',
    name: 'awaited',
    ours: true,
    quantiles: await latenciesAsync(count, roundTrip),
  });
  await promises.other.end();
  await iterators.other.end();
  controller[Symbol.dispose]();
  const row = (name, ours) =>
    report(
      line({
        name,
        unit: 'us',
        ours: inMicroseconds(ours),
        reference: inMicroseconds(found.c),
        target: { atMost: 1.6 },
      }),
    );
  row('round trip, wait()', found.promises);
  row('round trip, events()', found.iterators);
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
