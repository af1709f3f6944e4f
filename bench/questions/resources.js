/** X2: processor time, memory, threads and descriptors, of all processes that take part. */
import { allocate, openController, release } from '../../dist/api/index.js';
import { alternate, line, peer, summary } from '../harness.js';
import { collect, cpuSeconds, descriptors, residentKiB, threads } from '../proc.js';

export const id = 'X2';
export const question = 'processor time of a million operations; memory, threads and descriptors';

const MILLION = 1e6;

export async function run({ smoke, rounds }, report) {
  const before = { threads: threads(), descriptors: descriptors() };
  const controller = openController();
  const first = controller.createExport(allocate(4096));
  first.publish();
  const one = (value) => ({ median: value, low: value, high: value });
  const row = (name, unit, ours, target) => report(line({ name, unit, ours, target }));
  row('threads of a process that uses the package', 'more', one(threads() - before.threads), { atMost: 1 });
  row('descriptors of a process with one segment', 'more', one(descriptors() - before.descriptors));
  await processorTime(controller, { smoke, rounds }, (name, found) => row(`CPU of 10^6 ${name}`, 's', found));
  for (const [name, unit, ours] of await sizes(controller, smoke ? 50 : 1000, rounds)) row(name, unit, ours);
  first.close();
  controller[Symbol.dispose]();
}

/** Of this process and, where one takes part, its peer. */
async function processorTime(controller, { smoke, rounds }, row) {
  const segment = controller.createExport(allocate(65_536), { allowRebind: true });
  const target = { node: controller.nodeId, id: segment.publish(), mode: 'rw' };
  const importing = controller.connectSync(target);
  const [word, block] = [new BigUint64Array(1), new Uint8Array(65_536)];
  const barrier = importing.barrier();
  const asleep = controller.createExport(allocate(4096));
  const echo = await peer('echo', controller.nodeId, asleep.publish(), 'waitSync');
  const other = await peer('exporter', 4096);
  const spare = controller.createExport(allocate(4096));
  const operations = [
    { name: 'puts of 8 bytes', count: 1_000_000, run: () => importing.put(0, word) },
    { name: 'gets of 8 bytes', count: 1_000_000, run: () => importing.get(0, word) },
    { name: 'puts of 64 KiB', count: 20_000, run: () => importing.put(0, block) },
    {
      name: 'barriers, open and close',
      count: 500_000,
      run: () => {
        barrier.open();
        barrier.close();
      },
    },
    {
      name: 'event round trips, asleep',
      count: 5000,
      pid: echo.pid,
      begin: (count) => echo.ask({ count }),
      run: () => {
        asleep.post();
        asleep.waitSync();
      },
    },
    { name: 'connects + closes', count: 1000, pid: other.pid, run: () => connectTo(other.ready) },
    {
      name: 'publishes + unpublishes',
      count: 1000,
      run: () => {
        spare.publish();
        spare.unpublish();
      },
    },
  ];
  const connectTo = (ready) => controller.connectSync({ ...ready, mode: 'rw' }).close();
  const contenders = operations.map(({ name, count, pid, begin, run: once }) => {
    const times = smoke ? 20 : count;
    const spent = () => cpuSeconds() + (pid === undefined ? 0 : cpuSeconds(pid));
    const sample = async () => {
      const from = spent();
      await begin?.(times);
      for (let i = 0; i < times; i += 1) once();
      return ((spent() - from) / times) * MILLION;
    };
    return [name, sample];
  });
  const found = await alternate(rounds, Object.fromEntries(contenders));
  for (const { name } of operations) row(name, found[name]);
  await echo.end();
  await other.end();
  for (const made of [importing, segment, asleep, spare]) made.close();
}

/** Per published segment and per importer: what many of them add, divided by their number. */
async function sizes(controller, count, rounds) {
  const importer = await peer('importers', controller.nodeId);
  const samples = {
    segment: [],
    segmentFds: [],
    exporter: [],
    exporterFds: [],
    importer: [],
    importerFds: [],
  };
  const add = (name, pid, from) => {
    samples[name].push((residentKiB(pid) - from.resident) / count);
    samples[`${name}Fds`].push((descriptors(pid) - from.descriptors) / count);
  };
  const state = (pid) => ({ resident: residentKiB(pid), descriptors: descriptors(pid) });
  for (let round = 0; round < rounds; round += 1) {
    await collect();
    const before = state('self');
    const open = [];
    for (let i = 0; i < count; i += 1) {
      const segment = controller.createExport(allocate(4096));
      segment.publish();
      open.push(segment);
    }
    await collect();
    add('segment', 'self', before);
    const [here, there] = [state('self'), state(importer.pid)];
    await importer.ask({ connect: count, id: open[0].id });
    add('exporter', 'self', here);
    add('importer', importer.pid, there);
    await importer.ask({ close: true });
    for (const segment of open) {
      const { memory } = segment;
      segment.close();
      release(memory);
    }
  }
  await importer.end();
  const row = (name, unit, of) => [name, unit, summary(samples[of])];
  return [
    row('resident per published segment', 'KiB', 'segment'),
    row('resident per importer, in the exporter', 'KiB', 'exporter'),
    row('resident per importer, in the importer', 'KiB', 'importer'),
    row('descriptors per published segment', 'each', 'segmentFds'),
    row('descriptors per importer, in the exporter', 'each', 'exporterFds'),
    row('descriptors per importer, in the importer', 'each', 'importerFds'),
  ];
}
