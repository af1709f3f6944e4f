/** T4: events between two processes that block their threads. */
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, inMicroseconds, latencies, line, nanosecondsEach, peer, reference } from '../harness.js';

export const id = 'T4';
export const question = 'post, wait, post with both sides asleep in waitSync, against C';

/**
 * Many short rounds: whether the two processes share a processor is the scheduler's whim, stays for a while and
 * matters more than what is compared.
 */
const SHORTER = 5;

export async function run({ smoke, rounds, buildDirectory, plot }, report) {
  const count = smoke ? 50 : 2_000;
  const wakeInC = reference('wake', buildDirectory);
  const controller = openController();
  const segment = controller.createExport(allocate(4096));
  const other = await peer('echo', controller.nodeId, segment.publish(), 'waitSync');
  const roundTrip = () => {
    segment.post();
    segment.waitSync();
  };
  const found = await alternate(rounds * SHORTER, {
    ours: async () => {
      await other.ask({ count });
      return nanosecondsEach(count, (times) => {
        for (let i = 0; i < times; i += 1) roundTrip();
      });
    },
    eventfd: () => wakeInC('eventfd', count),
    futex: () => wakeInC('futex', count),
  });
  await other.ask({ count: count * SHORTER });
  plot('latency', {
    chart: 'events',
    name: 'asleep in waitSync',
    ours: true,
    quantiles: latencies(count * SHORTER, roundTrip),
  });
  await other.end();
  controller[Symbol.dispose]();
  const ours = inMicroseconds(found.ours);
  const row = (name, reference, target) => report(line({ name, unit: 'us', ours, reference, target }));
  row('round trip; eventfd in C', inMicroseconds(found.eventfd), { atMost: 1.2 });
  row('round trip; futex in C', inMicroseconds(found.futex));
}
