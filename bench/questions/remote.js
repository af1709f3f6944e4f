/** T20: what one small access to another node costs, both nodes on loopback. */
import { provider, remotePair, WITH_FABRIC } from '../cluster.js';
import { alternate, inMicroseconds, line, nanosecondsEach, reference } from '../harness.js';

export const id = 'T20';
export const question =
  '8 bytes put and known to be there, got, and fetch-add, on another node, against libfabric in C';

export async function run({ smoke, rounds, buildDirectory, directory, skip }, report) {
  const { name, reason } = provider();
  if (reason !== undefined) {
    skip('T20', reason);
    return;
  }
  const count = smoke ? 20 : 5_000;
  const inC = reference('fabric', buildDirectory, WITH_FABRIC);
  const { imported, end } = await remotePair(directory, 4096);
  const value = new BigUint64Array(1);
  const loop = (call) => () =>
    nanosecondsEach(count, (times) => {
      for (let i = 0; i < times; i += 1) call();
    });
  const found = await alternate(rounds, {
    put: loop(() => imported.put(8, value)),
    putC: () => inC(name, 'put', count),
    get: loop(() => imported.get(8, value)),
    getC: () => inC(name, 'get', count),
    add: loop(() => imported.fetchAdd(64, 1n)),
    addC: () => inC(name, 'add', count),
    tcp: () => inC('tcp', '-', count),
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
