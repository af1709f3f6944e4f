/** T20: what one small access to another node costs. */
import { provider, remotePair } from '../cluster.js';
import { alternate, inMicroseconds, line } from '../harness.js';

export const id = 'T20';
export const question =
  '8 bytes put and known to be there, got, and fetch-add, on another node, against libfabric in C';

export async function run({ smoke, rounds, skip, ...context }, report) {
  const { name, reason } = provider();
  if (reason !== undefined) {
    skip('T20', reason);
    return;
  }
  const count = smoke ? 20 : 5_000;
  const { importer, fabric, tcp, end } = await remotePair(context, 4096);
  const inC = fabric();
  const bare = tcp();
  const ours = (what) => () => importer.ask({ what, count });
  const found = await alternate(rounds, {
    put: ours('put'),
    putC: () => inC(name, 'put', count, '-'),
    get: ours('get'),
    getC: () => inC(name, 'get', count, '-'),
    add: ours('add'),
    addC: () => inC(name, 'add', count, '-'),
    tcp: () => bare('pingpong', 40, 16, count),
  });
  await end();
  const row = (what, ours, against, target) =>
    report(
      line({
        name: what,
        unit: 'us',
        ours: inMicroseconds(ours),
        reference: inMicroseconds(against),
        target,
      }),
    );
  row('put, checked; libfabric in C, delivered', found.put, found.putC, { atMost: 1.3 });
  row('get, checked; libfabric in C', found.get, found.getC, { atMost: 1.3 });
  row('fetchAdd; a message and its answer in C', found.add, found.addC, { atMost: 1.3 });
  row('put, checked; TCP in C, 40 and 16 bytes', found.put, found.tcp);
}
