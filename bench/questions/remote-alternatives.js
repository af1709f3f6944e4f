/** T25: what a user would pick instead between two machines, over the same network in the same run. */
import { ALTERNATIVES } from '../alternatives/between/index.js';
import { provider, remotePair } from '../cluster.js';
import { alternate, inMicroseconds, line, peerThrough, rate } from '../harness.js';

export const id = 'T25';
export const question =
  'values put and got on another machine against Redis, gRPC and ZeroMQ over the same network';

const LINE_BYTES = 64;
const MIB = 1_048_576;
const WINDOW = 16;

export async function run({ smoke, rounds, skip, ...context }, report) {
  const { reason } = provider();
  if (reason !== undefined) {
    skip('T25', reason);
    return;
  }
  const pair = await remotePair(context, WINDOW * MIB);
  await measureLatency(pair, rounds, smoke ? 20 : 2_000, skip, report);
  await measureBandwidth(pair, rounds, smoke ? WINDOW : 200, report);
  await pair.end();
}

/** All that are installed, each with a server on one machine and a client on the other. */
async function openAlternatives({ exporting, importing }, bytes, skip) {
  const open = [];
  for (const { name } of ALTERNATIVES) {
    const { through, address } = exporting;
    const server = await peerThrough(through, 'alternative-server', name, address, bytes);
    const { port, reason } = server.ready;
    if (port === undefined) {
      skip(name, `${reason}: bench/setup does it`);
      await server.end();
    } else {
      const client = await peerThrough(importing.through, 'alternative-client', name, address, port, bytes);
      open.push({ name, client, server });
    }
  }
  return open;
}

async function closeAll(alternatives) {
  for (const { client, server } of alternatives) for (const each of [client, server]) await each.end();
}

async function measureLatency(pair, rounds, count, skip, report) {
  const alternatives = await openAlternatives(pair, LINE_BYTES, skip);
  for (const what of ['put', 'get']) {
    const ours = (how) => () => pair.importer.ask({ what: how, count });
    const contenders = { ours: ours(`${what}Line`), awaited: ours(`${what}Awaited`) };
    for (const { name, client } of alternatives)
      contenders[name] = () => client.ask({ what, count, lanes: 1 });
    const found = await alternate(rounds, contenders);
    const [best] = alternatives.map(({ name }) => name).sort((a, b) => found[a].median - found[b].median);
    const row = (name, mine, other, target) => {
      const [ours, reference] = [found[mine], found[other]].map(inMicroseconds);
      report(line({ name: `${name}; ${other}`, unit: 'us', ours, reference, target }));
    };
    if (best === undefined) continue;
    row(`${what} 64 B, the best`, 'ours', best, { faster: 2 });
    row(`${what} 64 B awaited, the best`, 'awaited', best);
    for (const { name } of alternatives) row(`${what} 64 B`, 'ours', name);
  }
  await closeAll(alternatives);
}

const BANDWIDTH_TARGETS = { Redis: { atLeast: 1 }, gRPC: { atLeast: 3 } };

async function measureBandwidth(pair, rounds, count, report) {
  const alternatives = await openAlternatives(pair, MIB, () => {});
  for (const [what, how] of [
    ['put', 'write'],
    ['get', 'read'],
  ]) {
    const contenders = { ours: () => pair.importer.ask({ what: how, count, bytes: MIB }) };
    for (const { name, client } of alternatives) {
      contenders[name] = () => client.ask({ what, count, lanes: WINDOW });
    }
    const found = await alternate(rounds, contenders);
    for (const { name } of alternatives) {
      const [ours, reference] = [found.ours, found[name]].map((time) => rate(MIB, time));
      const target = BANDWIDTH_TARGETS[name];
      report(line({ name: `${what} 1 MiB, 16 at once; ${name}`, unit: 'GB/s', ours, reference, target }));
    }
  }
  await closeAll(alternatives);
}
