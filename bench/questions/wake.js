/**
 * T4: events between two processes that block their threads. At once: each posts as soon as it is woken. Asleep: each
 * computes for so long before it posts that the other one, which looks around before it sleeps, does sleep; the pauses
 * are subtracted.
 */
import { allocate, openController } from '../../dist/api/index.js';
import {
  alternate,
  busyFor,
  inMicroseconds,
  latencies,
  line,
  nanosecondsEach,
  peer,
  reference,
} from '../harness.js';
import { PLACES, settleOn } from '../proc.js';

export const id = 'T4';
export const question = 'post, wait, post in waitSync, at once and with both sides asleep, against C';

const PAUSE_NS = 100_000;
const RHYTHMS = [
  { rhythm: 'asleep', pauseNs: PAUSE_NS },
  { rhythm: 'at once', pauseNs: 0 },
];

export async function run({ smoke, rounds, buildDirectory, plot }, report) {
  const count = smoke ? 50 : 10_000;
  const wakeInC = reference('wake', buildDirectory);
  const controller = openController();
  const segment = controller.createExport(allocate(4096));
  const other = await peer('echo', controller.nodeId, segment.publish(), 'waitSync');
  const roundTrip = (pauseNs) => {
    busyFor(pauseNs);
    segment.post();
    segment.waitSync();
  };
  for (const { where, processors } of PLACES) {
    settleOn(processors[0]);
    settleOn(processors[1], other.pid);
    for (const { rhythm, pauseNs } of RHYTHMS) {
      const times = pauseNs === 0 ? count : Math.ceil(count / 5);
      const inC = (how) => wakeInC(how, times, ...processors, pauseNs) - 2 * pauseNs;
      const found = await alternate(rounds, {
        ours: async () => {
          await other.ask({ count: times, pauseNs });
          const each = nanosecondsEach(times, () => {
            for (let i = 0; i < times; i += 1) roundTrip(pauseNs);
          });
          return each - 2 * pauseNs;
        },
        eventfd: () => inC('eventfd'),
        futex: () => inC('futex'),
      });
      const ours = inMicroseconds(found.ours);
      const row = (name, c, target) =>
        report(
          line({
            name: `${where}, ${rhythm}; ${name} in C`,
            unit: 'us',
            ours,
            reference: inMicroseconds(c),
            target,
          }),
        );
      row('eventfd', found.eventfd, { atMost: 1.2 });
      row('futex', found.futex);
    }
    await other.ask({ count });
    const quantiles = latencies(count, () => roundTrip(0));
    plot('latency', { chart: 'events', name: `waitSync, ${where}`, ours: true, quantiles });
  }
  settleOn(undefined);
  await other.end();
  controller[Symbol.dispose]();
}
