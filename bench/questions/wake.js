/** T4: events between two processes that block their threads. */
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, inMicroseconds, latencies, line, nanosecondsEach, peer, reference } from '../harness.js';
import { PLACES, settleOn } from '../proc.js';

export const id = 'T4';
export const question = 'post, wait, post with both sides asleep in waitSync, against C';

export async function run({ smoke, rounds, buildDirectory, plot }, report) {
  const count = smoke ? 50 : 10_000;
  const wakeInC = reference('wake', buildDirectory);
  const controller = openController();
  const segment = controller.createExport(allocate(4096));
  const other = await peer('echo', controller.nodeId, segment.publish(), 'waitSync');
  const roundTrip = () => {
    segment.post();
    segment.waitSync();
  };
  for (const { where, processors } of PLACES) {
    settleOn(processors[0]);
    settleOn(processors[1], other.pid);
    const found = await alternate(rounds, {
      ours: async () => {
        await other.ask({ count });
        return nanosecondsEach(count, (times) => {
          for (let i = 0; i < times; i += 1) roundTrip();
        });
      },
      eventfd: () => wakeInC('eventfd', count, ...processors),
      futex: () => wakeInC('futex', count, ...processors),
    });
    await other.ask({ count });
    const quantiles = latencies(count, roundTrip);
    plot('latency', { chart: 'events', name: `asleep in waitSync, ${where}`, ours: true, quantiles });
    const ours = inMicroseconds(found.ours);
    const row = (name, c, target) =>
      report(
        line({ name: `${where}; ${name} in C`, unit: 'us', ours, reference: inMicroseconds(c), target }),
      );
    row('eventfd', found.eventfd, { atMost: 1.2 });
    row('futex', found.futex);
  }
  settleOn(undefined);
  await other.end();
  controller[Symbol.dispose]();
}
