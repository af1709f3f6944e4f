/** T24: many small puts to another node, one barrier for every thousand. */
import { provider, remotePair, WITH_FABRIC } from '../cluster.js';
import { alternate, line, nanosecondsEach, reference } from '../harness.js';

export const id = 'T24';
export const question = '8-byte puts to another node, a barrier for every 1,000, against libfabric in C';

const IN_A_SPAN = 1_000;

export async function run({ smoke, rounds, buildDirectory, directory, skip }, report) {
  const { name, reason } = provider();
  if (reason !== undefined) {
    skip('T24', reason);
    return;
  }
  const spans = smoke ? 1 : 100;
  const inC = reference('fabric', buildDirectory, WITH_FABRIC);
  const { imported, end } = await remotePair(directory, 4096);
  const value = new BigUint64Array(1);
  const barrier = imported.barrier();
  const found = await alternate(rounds, {
    ours: () =>
      nanosecondsEach(spans * IN_A_SPAN, () => {
        for (let span = 0; span < spans; span += 1) {
          barrier.open();
          for (let i = 0; i < IN_A_SPAN; i += 1) imported.put(8 * (i % 512), value);
          barrier.close();
        }
      }),
    inC: () => inC(name, 'puts', spans * IN_A_SPAN),
  });
  await end();
  const perSecond = ({ median, low, high }) => ({ median: 1e6 / median, low: 1e6 / high, high: 1e6 / low });
  report(
    line({
      name: 'puts',
      unit: 'k/s',
      ours: perSecond(found.ours),
      reference: perSecond(found.inC),
      target: { atLeast: 0.8 },
    }),
  );
}
