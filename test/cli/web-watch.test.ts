/** `rsm top --web`: what it says that happened between two looks, on a real node with real processes. */
import { beforeEach, describe, expect, test } from 'vitest';
import { openController } from '../../src/api/index.ts';
import { type Look, look } from '../../src/cli/session.ts';
import { MOST_OF_A_KIND } from '../../src/cli/web/happenings.ts';
import type { Tick } from '../../src/cli/web/messages.ts';
import { MOST_SEGMENTS } from '../../src/cli/web/view.ts';
import { MOST_HAPPENINGS, MOST_SAMPLES, Watch } from '../../src/cli/web/watch.ts';
import { closeImportsIn, exportIn, importIn, rebindIn, until } from '../support/actors.ts';
import { exported, later, peer } from '../support/scene.ts';

const topology = { nodeId: 0, controllers: [] };
const userName = (uid: number): string => (uid === 0 ? 'root' : String(uid));

let watch: Watch;
const next = async (): Promise<Tick> => watch.add(await look(), topology);
/** What happened since the last look: kinds, and how often. */
const happened = async (): Promise<[string, number][]> =>
  (await next()).happenings.map(({ kind, count }) => [kind, count]);

beforeEach(async () => {
  watch = new Watch(await look(), topology, userName);
});

describe('what happens', () => {
  test('to a segment from beginning to end is told once, in order', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const name = `0:0x${id.toString(16)}`;
    const first = await next();
    expect(first.happenings).toMatchObject([
      { kind: 'publish', segment: name, text: `published by process ${exporter.pid}` },
    ]);
    const importer = await peer();
    await importIn(importer, id);
    expect((await next()).happenings).toMatchObject([
      { kind: 'connect', segment: name, text: `connected by process ${importer.pid} with 0600` },
    ]);
    await rebindIn(exporter, 1);
    await rebindIn(exporter, 0);
    expect(await happened()).toEqual([['rebind', 2]]);
    await closeImportsIn(importer);
    expect(await happened()).toEqual([['disconnect', 1]]);
    await exporter.end();
    expect((await next()).happenings).toMatchObject([
      { kind: 'withdraw', segment: name, text: `withdrawn with the end of process ${exporter.pid}` },
    ]);
    expect(await happened()).toEqual([]);
  });

  test('when an exporter is killed: its importers lost their connections', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id);
    await next();
    await exporter.kill();
    const told: string[] = [];
    const samples: number[] = [];
    await until(async () => {
      const { happenings, sample } = await next();
      told.push(...happenings.map(({ kind }) => kind));
      samples.push(sample.aborts);
      return told.includes('abort');
    });
    expect(told.sort()).toEqual(['abort', 'withdraw']);
    expect(samples.at(-1)).toBe(1);
  });

  test('of events and refusals: how many', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter, { permission: 0o444, readOnly: true });
    const controller = openController();
    later(() => controller.close());
    const segment = controller.connectSync({ id, mode: 'r' });
    later(() => segment.close());
    await next();
    await exporter.run(({ kept }) => {
      const { segment: own } = kept as unknown as { segment: { post(): void } };
      for (let posted = 0; posted < 3; posted += 1) own.post();
    });
    for (let asked = 0; asked < 2; asked += 1) {
      expect(() => controller.connectSync({ id, mode: 'rw' })).toThrow();
    }
    const { happenings, sample } = await next();
    expect(happenings).toMatchObject([
      { kind: 'event', count: 3, text: '3 events to the importers' },
      { kind: 'refuse', count: 2, text: expect.stringContaining('2 times: RSMERR_PERM_DENIED') },
    ]);
    expect(sample.refusals).toBe(2);
  });

  test('in great numbers is counted, not told one by one', async () => {
    const made = Array.from({ length: MOST_OF_A_KIND + 5 }, () => exported());
    const { happenings, sample, view } = await next();
    expect(happenings).toHaveLength(MOST_OF_A_KIND + 1);
    expect(happenings.at(-1)).toMatchObject({ segment: null, count: 5, text: 'and 5 more of this kind' });
    expect(sample.segments).toBe(made.length);
    expect(view.segments).toHaveLength(made.length);
  });
});

describe('what is shown', () => {
  test('of a segment: its importers with what they do, and the memory that they see', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id, 'window');
    const controller = openController();
    later(() => controller.close());
    const segment = controller.connectSync({ id });
    later(() => segment.close());
    await next();
    segment.put(0, new Uint8Array(4096));
    const { view, sample } = await next();
    const [row] = view.segments;
    expect(row).toMatchObject({ name: `0:0x${id.toString(16)}`, byteLength: 8192, importerCount: 2 });
    expect(row!.exporter).toMatchObject({ pid: exporter.pid, user: userName(process.getuid!()) });
    expect(row!.importers).toMatchObject([
      { pid: importer.pid, mapped: 4096, mode: 'rw', bytesPut: 0 },
      { pid: process.pid, mode: 'rw' },
    ]);
    expect(row!.importers[1]!.bytesPut).toBeGreaterThan(0);
    expect(row!.bytesPut).toBe(row!.importers[1]!.bytesPut);
    expect(sample).toMatchObject({ segments: 1, connections: 2, bytesPut: row!.bytesPut });
  });

  test('of nodes: the state of the path to each other one', async () => {
    const remotes = [3, 1].map((state, node) => ({
      node: node + 1,
      name: 'ofi0',
      hardwareAddress: 7n,
      state,
    }));
    const ofi = { name: 'ofi0', hardwareAddress: 1n, remotes };
    const { view } = watch.add(await look(), { nodeId: 0, controllers: [ofi] });
    expect(view.controllers).toEqual([
      { name: 'loopback', paths: [{ node: 0, controller: 'loopback', active: true }] },
      {
        name: 'ofi0',
        paths: [
          { node: 1, controller: 'ofi0', active: true },
          { node: 2, controller: 'ofi0', active: false },
        ],
      },
    ]);
    expect(JSON.parse(JSON.stringify(watch.whole())).view).toEqual(view);
  });

  test('is bounded, whatever there is: the busiest segments, and the last looks', async () => {
    const many = exported();
    const now = await look();
    const [one] = now.exports.filter(({ id }) => id === many.id);
    const crowd = (from: number): Look => ({
      ...now,
      exports: Array.from({ length: MOST_SEGMENTS + 100 }, (_, index) => ({
        ...one!,
        key: `${from + index}`,
        id: from + index,
        importerCount: index,
      })),
    });
    for (let looks = 0; looks < MOST_SAMPLES; looks += 1) watch.add(now, topology);
    for (let looks = 0; looks < 10; looks += 1) watch.add(crowd(1 + looks * 10_000), topology);
    const { view, samples, happenings } = watch.whole();
    expect(view.segments).toHaveLength(MOST_SEGMENTS);
    expect(Math.min(...view.segments.map(({ importerCount }) => importerCount))).toBe(100);
    expect(samples).toHaveLength(MOST_SAMPLES);
    expect(samples.at(-1)!.segments).toBe(MOST_SEGMENTS + 100);
    expect(happenings).toHaveLength(MOST_HAPPENINGS);
  });
});
