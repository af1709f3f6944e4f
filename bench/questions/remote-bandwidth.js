/**
 * T21: blocks to and from another node, 16 under way at once. libfabric in C does the same with the same window, and
 * knows of each put that it is there; the stream is what the network gives at all, one way and without a window.
 */
import { provider, remotePair } from '../cluster.js';
import { alternate, line, rate } from '../harness.js';

export const id = 'T21';
export const question =
  'putAsync and getAsync bandwidth to another node, 16 at once, against libfabric and TCP in C';

const SIZES = [
  { name: '4 KiB', bytes: 4096 },
  { name: '64 KiB', bytes: 65_536 },
  { name: '1 MiB', bytes: 1_048_576, ofStream: { atLeast: 0.8 } },
  { name: '4 MiB', bytes: 4_194_304 },
];
const WINDOW = 16;
/** Moved in one sample, but no more blocks than MOST. */
const SAMPLE_BYTES = 512 * 1024 * 1024;
const MOST = 20_000;

export async function run({ smoke, rounds, plot, skip, ...context }, report) {
  const { name: libfabric, reason } = provider();
  if (reason !== undefined) {
    skip('T21', reason);
    return;
  }
  const sizes = smoke ? SIZES.slice(0, 2) : SIZES;
  const { importer, fabric, tcp, end } = await remotePair(context, WINDOW * sizes.at(-1).bytes);
  const inC = fabric();
  const bare = tcp();
  const names = {
    write: 'put',
    read: 'get',
    writeC: 'put, libfabric',
    readC: 'get, libfabric',
    tcp: 'TCP stream',
  };
  const curves = Object.fromEntries(Object.values(names).map((curve) => [curve, []]));
  for (const { name, bytes, ofStream } of sizes) {
    const count = smoke ? 2 * WINDOW : Math.min(MOST, SAMPLE_BYTES / bytes);
    const found = await alternate(rounds, {
      write: () => importer.ask({ what: 'write', count, bytes }),
      writeC: () => inC(libfabric, 'write', bytes, count * bytes),
      read: () => importer.ask({ what: 'read', count, bytes }),
      readC: () => inC(libfabric, 'read', bytes, count * bytes),
      tcp: () => bare('stream', bytes, count * bytes, '-'),
    });
    const rates = Object.fromEntries(Object.entries(found).map(([what, time]) => [what, rate(bytes, time)]));
    const row = (what, ours, reference, target) =>
      report(line({ name: `${what}, ${name}`, unit: 'GB/s', ours, reference, target }));
    row('put; libfabric in C', rates.write, rates.writeC, { atLeast: 0.9 });
    row('get; libfabric in C', rates.read, rates.readC, { atLeast: 0.9 });
    row('put; TCP stream in C', rates.write, rates.tcp, ofStream);
    row('get; TCP stream in C', rates.read, rates.tcp, ofStream);
    for (const [what, curve] of Object.entries(names)) curves[curve].push([bytes, rates[what].median]);
  }
  await end();
  for (const [name, points] of Object.entries(curves)) {
    plot('bandwidth', { chart: 'between nodes', name, points, dashed: !['put', 'get'].includes(name) });
  }
}
