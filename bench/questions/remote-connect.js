/**
 * T23: a connect to another node and its end. It goes over the link of the gateways, which is there already, to the
 * exporter's agent and back; so the reference is one round trip on such a link.
 */
import { provider, remotePair } from '../cluster.js';
import { alternate, inMicroseconds, line, peerThrough } from '../harness.js';

export const id = 'T23';
export const question =
  "connect + disconnect to another node against one round trip on a TLS link like the gateways'";

export async function run({ smoke, rounds, skip, ...context }, report) {
  const { reason } = provider();
  if (reason !== undefined) {
    skip('T23', reason);
    return;
  }
  const count = smoke ? 20 : 1_000;
  const { importer, exporting, importing, end } = await remotePair(context, 4096);
  const far = await peerThrough(exporting.through, 'tls', exporting.folder, 'server', exporting.address);
  const near = await peerThrough(
    importing.through,
    'tls',
    importing.folder,
    'client',
    exporting.address,
    far.ready,
  );
  const found = await alternate(rounds, {
    ours: () => importer.ask({ what: 'connect', count }),
    tls: () => near.ask({ count }),
  });
  for (const each of [near, far]) await each.end();
  await end();
  report(
    line({
      name: 'connectSync + close; a TLS round trip',
      unit: 'us',
      ours: inMicroseconds(found.ours),
      reference: inMicroseconds(found.tls),
      target: { atMost: 5 },
    }),
  );
}
