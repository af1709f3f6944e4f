/** What happens on a node, from two snapshots. */
import { expect, test } from 'vitest';
import { allocate, openController } from '../../src/api/index.ts';
import { type Activity, activity, type Rates, type Snapshot, snapshot } from '../../src/observe/index.ts';
import { exportIn, importIn, rebindIn, signalTo } from '../support/actors.ts';
import { directory, later, peer } from '../support/scene.ts';

/** What happens during `work`, as if it had taken one second. */
async function during(work: () => unknown): Promise<Activity> {
  const before = snapshot(directory);
  await work();
  return inOneSecond(before, snapshot(directory));
}

const inOneSecond = (before: Snapshot, after: Snapshot): Activity =>
  activity({ ...before, clockMs: 0 }, { ...after, clockMs: 1000 });
const busy = (rates: Rates) => Object.fromEntries(Object.entries(rates).filter(([, rate]) => rate !== 0));
const of = ({ segments }: Activity, id: number) => segments.find(({ segment }) => segment.id === id)!;

test('a segment has the puts and gets of its importers, and counts a rebind once', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  const importer = await peer();
  await importIn(importer, id, 'whole', { count: 2 });
  const found = await during(async () => {
    await importer.run(({ kept }) => {
      const [first, second] = (
        kept as unknown as { imports: import('../../src/api/index.ts').ImportSegment[] }
      ).imports;
      for (let i = 0; i < 3; i += 1) first!.put(0, new Uint8Array(100));
      second!.get(0, new Uint8Array(1000));
      second!.post();
    });
    await rebindIn(exporter, 1);
  });
  const { importers, rates } = of(found, id);
  expect(busy(rates)).toEqual({ puts: 3, bytesPut: 300, gets: 1, bytesGot: 1000, posts: 1, rebinds: 1 });
  const each = importers.map((one) => busy(one.rates));
  expect(each).toContainEqual({ puts: 3, bytesPut: 300, rebinds: 1 });
  expect(each).toContainEqual({ gets: 1, bytesGot: 1000, posts: 1, rebinds: 1 });
  expect(busy(found.total)).toEqual(busy(rates));
  expect(found.others).toEqual([]);
});

test('nothing that happens is nothing, over any time', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  await importIn(await peer(), id);
  expect(busy((await during(() => {})).total)).toEqual({});
  const now = snapshot(directory);
  expect(busy(activity(now, now).total)).toEqual({});
});

test('what is new counts from zero, also in a slot that another segment had', async () => {
  const controller = openController();
  later(() => controller.close());
  const first = controller.createExport(allocate(4096));
  const importing = controller.connectSync({ id: first.publish() });
  for (let i = 0; i < 5; i += 1) importing.put(0, new Uint8Array(8));
  const found = await during(() => {
    importing.close();
    first.close();
    const second = controller.createExport(allocate(4096));
    later(() => second.close());
    const again = controller.connectSync({ id: second.publish({ id: 0x400001 }) });
    later(() => again.close());
    for (let i = 0; i < 7; i += 1) again.put(0, new Uint8Array(8));
  });
  expect(busy(of(found, 0x400001).rates)).toEqual({ connects: 1, puts: 7, bytesPut: 56 });
});

test('a connection whose exporter is gone is one of the others', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  const importer = await peer();
  await importIn(importer, id, 'none');
  const found = await during(async () => {
    await signalTo(exporter, 'SIGKILL');
    await importer.run(async ({ kept }) => {
      const [segment] = (kept as unknown as { imports: import('../../src/api/index.ts').ImportSegment[] })
        .imports;
      await segment!.aborted;
    });
  });
  expect(found.segments).toEqual([]);
  expect(found.others.map(({ segment }) => segment)).toMatchObject([{ id, connected: false }]);
});

test('counters that run backwards, or were not seen before, make no rates', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  await importIn(await peer(), id);
  const now = snapshot(directory);
  const connects = (count: number): Snapshot => ({
    ...now,
    exports: now.exports.map((each) => ({ ...each, counters: { ...each.counters, connects: count } })),
  });
  expect(of(inOneSecond(connects(9), connects(2)), id).rates.connects).toBe(0);
  const unseen = { ...now, exports: [], imports: [] };
  expect(of(inOneSecond(unseen, connects(9)), id).rates.connects).toBe(0);
  for (const nonsense of [Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** 64]) {
    const { connects: found } = of(inOneSecond(connects(-nonsense), connects(nonsense)), id).rates;
    expect(found).toBeGreaterThanOrEqual(0);
    expect(found).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  }
});
