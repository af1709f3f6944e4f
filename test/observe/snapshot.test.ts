/** What a node shows of itself, read while its processes go on, hang, and die. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allocate, openController } from '../../src/api/index.ts';
import { type ExportView, type ImportView, type Snapshot, snapshot } from '../../src/observe/index.ts';
import { exportIn, importIn, rebindIn, until } from '../support/actors.ts';
import { killed } from '../support/runtime.ts';
import { ALICE, directory, later, peer, root } from '../support/scene.ts';

const look = (): Snapshot => snapshot(directory);
const exportOf = (id: number): ExportView => look().exports.find((each) => each.id === id)!;
const importsOf = (id: number): ImportView[] => look().imports.filter((each) => each.id === id);

describe('a snapshot', () => {
  test('of a directory in which nobody was is empty, and makes nothing', () => {
    const nowhere = join(directory, 'none');
    expect(snapshot(nowhere)).toEqual({
      taken: expect.any(Date),
      clockMs: expect.any(Number),
      participants: [],
      exports: [],
      imports: [],
    });
    expect(existsSync(nowhere)).toBe(false);
  });

  test('shows a segment, whose it is, its access list and who imports it', async () => {
    const begin = Date.now();
    const exporter = await peer();
    const id = await exportIn(exporter, { permission: 0o444, readOnly: true });
    const importer = await peer();
    await importIn(importer, id, 'window', { mode: 'r' });
    const shown = exportOf(id);
    const uid = process.getuid!();
    expect(shown).toMatchObject({
      byteLength: 8192,
      readOnly: true,
      access: { count: 1, entries: [{ node: 0, permission: 0o444 }] },
      importerCount: 1,
      importers: [{ node: 0, uid, pid: importer.pid, permission: 0o400 }],
      counters: { connects: 1, refusals: 0, rebinds: 0, aborts: 0 },
    });
    expect(shown.owner).toMatchObject({ uid, pid: exporter.pid, thread: 0, node: 0 });
    expect(shown.owner.command).toContain('peer.mjs');
    expect(shown.published!.getTime()).toBeGreaterThanOrEqual(begin - 1);
    expect(shown.published!.getTime()).toBeLessThanOrEqual(Date.now());
    const [seen] = importsOf(id);
    expect(seen).toMatchObject({
      permission: 0o400,
      byteLength: 8192,
      connected: true,
      owner: { uid, pid: exporter.pid },
      mapped: { offset: 4096, length: 4096 },
    });
    expect(seen!.importer.pid).toBe(importer.pid);
  });

  test('shows an unpublished segment without an id, and no destroyed one', () => {
    const controller = openController();
    const before = look().exports.length;
    const segment = controller.createExport(allocate(4096));
    const unpublished = () => look().exports.filter((each) => each.owner.pid === process.pid);
    expect(unpublished()).toMatchObject([{ id: undefined, published: undefined, access: { count: 0 } }]);
    const id = segment.publish();
    expect(exportOf(id).published).toBeInstanceOf(Date);
    segment.republish([{ node: 0, permission: 0o400 }]);
    expect(exportOf(id).access.entries).toEqual([{ node: 0, permission: 0o400 }]);
    segment.unpublish();
    expect(unpublished()).toMatchObject([{ id: undefined, published: undefined, access: { count: 0 } }]);
    segment.close();
    expect(look().exports.length).toBe(before);
    controller.close();
  });

  test('reads a process that is stopped, and shows no killed one', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id);
    for (const each of [exporter, importer]) await each.stop();
    expect(exportOf(id).importers.map(({ pid }) => pid)).toEqual([importer.pid]);
    expect(importsOf(id)).toHaveLength(1);
    for (const each of [exporter, importer]) each.resume();
    await importer.kill();
    await until(() => exportOf(id).importerCount === 0);
    expect(exportOf(id).importers).toEqual([]);
    expect(importsOf(id)).toEqual([]);
    await exporter.kill();
    expect(exportOf(id)).toBeUndefined();
    expect(killed.has(exporter.pid)).toBe(true);
  });

  test('shows every importer of a segment that has many', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id, 'none', { count: 300 });
    await until(() => exportOf(id).importerCount >= 300); // the exporter counts when it has answered
    expect(exportOf(id)).toMatchObject({ importerCount: 300, counters: { connects: 300 } });
    expect(exportOf(id).importers).toHaveLength(300);
    expect(importsOf(id)).toHaveLength(300);
  });

  test.skipIf(!root)('shows the segments of another user', async () => {
    const exporter = await peer({ uid: ALICE });
    const id = await exportIn(exporter);
    expect(exportOf(id).owner).toMatchObject({ uid: ALICE, pid: exporter.pid });
    expect(exportOf(id).owner.command).toContain('peer.mjs');
  });

  test('shows each thread that has segments', async () => {
    const exporter = await peer();
    await exportIn(exporter);
    await exporter.run(async ({ dist, kept }) => {
      const { Worker } = process.getBuiltinModule('node:worker_threads');
      const source = `
        import(${JSON.stringify(`${dist}/api/index.js`)}).then((api) => {
          globalThis.held = api.openController().createExport(api.allocate(4096));
          require('node:worker_threads').parentPort.once('message', () => {}).postMessage('made');
        });`;
      const worker = new Worker(source, { eval: true });
      (kept as unknown as { worker: unknown }).worker = worker;
      await process.getBuiltinModule('node:events').once(worker, 'message');
    });
    const threads = () =>
      look()
        .participants.filter(({ pid }) => pid === exporter.pid)
        .map(({ thread }) => thread);
    expect(threads().sort()).toEqual([0, 1]);
    await exporter.run(({ kept }) =>
      (kept as unknown as { worker: { terminate(): Promise<void> } }).worker.terminate(),
    );
    expect(threads()).toEqual([0]);
  });
});

describe('counters', () => {
  test('of transfers: calls and bytes, of what was done', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const controller = openController();
    const segment = controller.connectSync({ id });
    later(() => segment.close());
    later(() => controller.close());
    segment.put(0, new Uint8Array(100));
    segment.put(8, new BigUint64Array(1));
    segment.get(0, new Uint8Array(4096));
    segment.putv([
      { offset: 0, local: new Uint8Array(3) },
      { offset: 9, local: new Uint8Array(4) },
    ]);
    segment.getv([{ offset: 0, local: new Uint8Array(5) }]);
    expect(() => segment.put(8190, new Uint8Array(100))).toThrow();
    expect(importsOf(id)[0]!.counters).toMatchObject({
      puts: 4,
      bytesPut: 100 + 8 + 3 + 4,
      gets: 2,
      bytesGot: 4096 + 5,
      barriersFailed: 0,
    });
    const barrier = segment.barrier();
    barrier.open();
    segment.put(0, new Uint8Array(1));
    await exporter.kill();
    await until(() => !segment.connected);
    expect(importsOf(id)[0]).toMatchObject({ connected: false, counters: { puts: 5, barriersFailed: 0 } });
    expect(() => barrier.close()).toThrow(expect.objectContaining({ code: 'RSMERR_CONN_ABORTED' }));
    expect(importsOf(id)[0]!.counters.barriersFailed).toBe(1);
    expect(() => segment.put(0, new Uint8Array(1))).toThrow();
    expect(importsOf(id)[0]!.counters).toMatchObject({ puts: 5, barriersFailed: 2 });
  });

  test('of events and rebinds, on both sides', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const controller = openController();
    const segment = controller.connectSync({ id });
    later(() => segment.close());
    later(() => controller.close());
    segment.post();
    segment.post();
    await exporter.run(async ({ kept }) => {
      const { segment: own } = kept as unknown as { segment: { wait(): Promise<void>; post(): void } };
      await own.wait();
      own.post();
    });
    await segment.wait();
    await rebindIn(exporter, 1);
    await rebindIn(exporter, 0);
    expect(exportOf(id).counters).toMatchObject({ posts: 1, waits: 1, rebinds: 2 });
    expect(importsOf(id)[0]!.counters).toMatchObject({ posts: 2, waits: 1, rebinds: 2 });
  });

  test('of refusals: by segment, and by code of the process that refused', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter, { permission: 0o444, readOnly: true });
    const controller = openController();
    for (let i = 0; i < 2; i += 1) expect(() => controller.connectSync({ id, mode: 'rw' })).toThrow();
    expect(exportOf(id).counters).toMatchObject({ connects: 0, refusals: 2 });
    expect(exportOf(id).owner.refusals).toEqual({ RSMERR_PERM_DENIED: 2 });
    controller.close();
  });

  test('of importers cut off because they did not answer', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id);
    await importer.stop();
    await rebindIn(exporter, 1);
    importer.resume();
    expect(exportOf(id)).toMatchObject({ importerCount: 0, counters: { aborts: 1, rebinds: 1 } });
  });
});
