/** T22: what was put wakes the exporter, which sleeps; its answer wakes the importer, which sleeps. */
import { provider, remotePair } from '../cluster.js';
import { alternate, inMicroseconds, line } from '../harness.js';

export const id = 'T22';
export const question = 'put, post and an answer by an exporter that sleeps, against a TCP peer that sleeps';

export async function run({ smoke, rounds, skip, ...context }, report) {
  const { reason } = provider();
  if (reason !== undefined) {
    skip('T22', reason);
    return;
  }
  const count = smoke ? 20 : 5_000;
  const { exporter, importer, tcp, end } = await remotePair(context, 4096);
  const bare = tcp();
  const found = await alternate(rounds, {
    ours: async () => {
      await exporter.ask({ count });
      return await importer.ask({ what: 'wake', count });
    },
    tcp: () => bare('pingpong', 40, 16, count),
  });
  await end();
  report(
    line({
      name: 'put + post, answered; TCP in C, both asleep',
      unit: 'us',
      ours: inMicroseconds(found.ours),
      reference: inMicroseconds(found.tcp),
      target: { atMost: 2.5 },
    }),
  );
}
