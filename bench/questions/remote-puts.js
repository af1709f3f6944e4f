/** T24: many small puts to another node, one barrier for every thousand. */
import { provider, remotePair } from '../cluster.js';
import { alternate, line } from '../harness.js';

export const id = 'T24';
export const question = '8-byte puts to another node, a barrier for every 1,000, against libfabric in C';

export async function run({ smoke, rounds, skip, ...context }, report) {
  const { name, reason } = provider();
  if (reason !== undefined) {
    skip('T24', reason);
    return;
  }
  const count = smoke ? 1_000 : 100_000;
  const { importer, fabric, end } = await remotePair(context, 4096);
  const inC = fabric();
  const found = await alternate(rounds, {
    ours: () => importer.ask({ what: 'puts', count }),
    inC: () => inC(name, 'puts', count, '-'),
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
