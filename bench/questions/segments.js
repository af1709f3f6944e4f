/** T8: ten thousand segments on a node, a thousand importers of one: the last costs what the first did. */
import { setTimeout } from 'node:timers/promises';
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, inMicroseconds, line, nanosecondsEach, peer, summary } from '../harness.js';
import { collect, descriptors, residentKiB } from '../proc.js';

export const id = 'T8';
export const question =
  'many segments and importers: the last against the first, and what stays after closing';

const PEERS = 4;
const POSTS = 20;
/** What allocators and collectors may keep of thousands of objects: processes without a leak vary by this. */
const MOST_GROWTH_MIB = 1;
const SETTLED_ROUNDS = 5;
/** Until pools and heaps of five processes have the size that they need. */
const ROUNDS_TO_SETTLE = 7;

export async function run({ smoke, rounds, plot }, report) {
  const controller = openController();
  const peers = [];
  for (let i = 0; i < PEERS; i += 1) peers.push(await peer('importers', controller.nodeId));
  const each = (message) => Promise.all(peers.map((other) => other.ask(message)));
  const scene = { controller, peers, each, plot, report, rounds: smoke ? rounds : rounds + ROUNDS_TO_SETTLE };
  await measureSegments(scene, smoke ? [10, 20, 40] : [100, 1000, 10_000]);
  await measureImporters(scene, smoke ? [1, 20, 40] : [1, 10, 100, 1000]);
  await Promise.all(peers.map((other) => other.end()));
  controller[Symbol.dispose]();
}

/** Cost of the segments just before each of `counts` is reached: published here, connected to elsewhere. */
async function measureSegments({ controller, peers, each, plot, report, rounds }, counts) {
  const open = [];
  const usages = [];
  const [step] = counts;
  const publish = (times) => {
    for (let i = 0; i < times; i += 1) {
      const segment = controller.createExport(allocate(4096));
      segment.publish();
      open.push(segment);
    }
  };
  const contenders = {};
  for (const count of counts) {
    contenders[`publish ${count}`] = () => {
      publish(count - step - open.length);
      return nanosecondsEach(step, publish);
    };
    contenders[`connect ${count}`] = () => peers[0].ask({ reconnect: step, id: open.at(-1).id });
  }
  contenders.close = async () => {
    closeAll(open);
    await collect();
    await each({ close: true });
    usages.push(usage(peers));
    return 0;
  };
  const found = await alternate(rounds, contenders);
  for (const what of ['publish', 'connect']) growth(report, plot, found, counts, what, 'segments');
  remains(report, usages, `${counts.at(-1)} segments`);
}

/** Importers of one segment, spread over the peers: cost of the last connects, and of a post to each. */
async function measureImporters({ controller, peers, each, plot, report, rounds }, counts) {
  const segment = controller.createExport(allocate(4096));
  const id = segment.publish();
  const usages = [];
  const contenders = {};
  for (const count of counts) {
    contenders[`connect ${count}`] = async () => {
      const missing = count - segment.importers;
      let ns = 0;
      for (const [index, other] of peers.entries()) {
        const connect = Math.floor((missing + index) / peers.length);
        if (connect > 0) ns += connect * (await other.ask({ connect, id }));
      }
      return ns / missing;
    };
    contenders[`post ${count}`] = async () => {
      const ns = nanosecondsEach(POSTS, (times) => {
        for (let i = 0; i < times; i += 1) segment.post();
      });
      await each({ drain: true });
      return ns / count;
    };
  }
  contenders.close = async () => {
    await each({ close: true });
    // The exporter hears of each end by itself.
    while (segment.importers > 0) await setTimeout(1);
    await collect();
    usages.push(usage(peers));
    return 0;
  };
  const found = await alternate(rounds, contenders);
  segment.close();
  for (const what of ['connect', 'post']) growth(report, plot, found, counts, what, 'importers');
  remains(report, usages, `${counts.at(-1)} importers`);
}

function growth(report, plot, found, counts, what, over) {
  const figures = counts.map((count) => inMicroseconds(found[`${what} ${count}`]));
  const name = what === 'post' ? 'post, per importer' : what;
  const points = counts.map((count, index) => [count, figures[index].median]);
  report(
    line({
      name: `${name}: ${counts.at(-1)} ${over}; ${counts[0]}`,
      unit: 'us',
      ours: figures.at(-1),
      reference: figures[0],
      target: { atMost: 2 },
    }),
  );
  plot('growth', { name, over, unit: 'us', points });
}

/** By itself: a frame that waits keeps what it has looped over from being collected. */
function closeAll(segments) {
  for (const segment of segments.splice(0)) segment.close();
}

function usage(peers) {
  const pids = ['self', ...peers.map((other) => other.ready.pid)];
  const sum = (of) => pids.reduce((total, pid) => total + of(pid), 0);
  return { descriptors: sum(descriptors), residentMiB: sum(residentKiB) / 1024 };
}

/** From round to round, of the last ones. */
function remains(report, usages, what) {
  const settled = usages.slice(-SETTLED_ROUNDS);
  const grown = (of) => summary(settled.slice(1).map((to, before) => of(to) - of(settled[before])));
  const row = (name, unit, of, atMost) =>
    report(line({ name: `${what} closed: ${name}`, unit, ours: grown(of), target: { atMost } }));
  row('new descriptors', 'of 0', (usage) => usage.descriptors, 0);
  row('new memory', 'MiB', (usage) => usage.residentMiB, MOST_GROWTH_MIB);
}
