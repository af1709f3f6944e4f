/** Segments of another node: what a program does with them. */
import { randomFillSync } from 'node:crypto';
import { describe, expect } from 'vitest';
import { allocate } from '../../src/api/index.ts';
import { until } from '../support/actors.ts';
import { codeOf, controllerOf, EVERYBODY, exportOn, keep, LENGTH, pair, test } from './scene.ts';

/** ES2024; the sources are older. */
interface Resizable extends ArrayBuffer {
  resize(byteLength: number): void;
}

function resizable(byteLength: number): Resizable {
  return Reflect.construct(ArrayBuffer, [byteLength, { maxByteLength: byteLength }]) as Resizable;
}

describe('connect', () => {
  test('C-098 gets at the exporter through both gateways, and learns who it is', () => {
    const { imported, exported } = pair();
    expect(imported.byteLength).toBe(LENGTH);
    expect(imported.owner).toEqual({ uid: process.getuid!(), pid: process.pid });
    expect([imported.node, imported.mode, imported.connected]).toEqual([1, 'rw', true]);
    expect(exported.importers).toBe(1);
  });

  test('C-106 the own node is reached through ofi0 too, and mapped', () => {
    const { importing, exporting, id, bytes } = pair();
    const own = keep(exporting.connectSync({ node: 1, id, mode: 'rw' }));
    new Uint8Array(own.map())[5] = 7;
    expect(bytes[5]).toBe(7);
    own.unmap();
    expect(importing.attributes.directAccessSizes).toBe(0);
  });

  test('C-104 C-084 C-086 C-105 refusals come with the code that is due', () => {
    const exporting = controllerOf(1);
    const importing = controllerOf(2);
    const { exported, id } = exportOn(exporting);
    const connect = (node: number, wanted: number, mode: 'r' | 'rw' = 'r') =>
      codeOf(() => keep(importing.connectSync({ node, id: wanted, mode })));
    expect(connect(1, 0x400abc)).toBe('RSMERR_SEG_NOT_PUBLISHED');
    exported.republish([{ node: 1, permission: 0o666 }]);
    expect(connect(1, id)).toBe('RSMERR_SEG_NOT_PUBLISHED_TO_NODE');
    expect(connect(9, id)).toBe('RSMERR_REMOTE_NODE_UNREACHABLE');
  });

  test('many at once share one connection over the fabric', async () => {
    const exporting = controllerOf(1);
    const importing = controllerOf(2);
    const { exported, id } = exportOn(exporting);
    const all = await Promise.all(
      Array.from({ length: 40 }, () => importing.connect({ node: 1, id, mode: 'rw' })),
    );
    for (const [i, segment] of all.entries()) segment.put(8 * i, new BigUint64Array([BigInt(i)]));
    expect(exported.importers).toBe(40);
    for (const segment of all) segment.close();
    await until(() => exported.importers === 0);
  });

  test('an aborted signal cancels it, and nothing is left', async () => {
    const importing = controllerOf(2);
    const { exported, id } = exportOn(controllerOf(1));
    const controller = new AbortController();
    const connecting = importing.connect({ node: 1, id, signal: controller.signal });
    controller.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'RSMERR_INTERRUPTED' });
    await until(() => exported.importers === 0);
  });
});

describe('put and get', () => {
  test('C-117 what is put is there, and what is there is got', () => {
    const { imported, bytes } = pair();
    for (const [offset, length] of [
      [0, 1],
      [7, 8],
      [4095, 2],
      [100, 128],
      [100, 129],
      [8192, 9000],
      [0, LENGTH],
    ]) {
      const data = randomFillSync(new Uint8Array(length!));
      imported.put(offset!, data);
      expect(Buffer.compare(bytes.subarray(offset, offset! + length!), data)).toBe(0);
      const back = new Uint8Array(length!);
      imported.get(offset!, back);
      expect(Buffer.compare(back, data)).toBe(0);
    }
  });

  test('C-122 nothing outside the segment, nothing without the right', () => {
    const { imported, importing, id } = pair();
    const data = new Uint8Array(16);
    expect(codeOf(() => imported.put(LENGTH - 15, data))).toBe('RSMERR_BAD_OFFSET');
    expect(codeOf(() => imported.get(LENGTH, data))).toBe('RSMERR_BAD_OFFSET');
    expect(codeOf(() => imported.get(-1, data))).toBe('RSMERR_BAD_OFFSET');
    const reader = keep(importing.connectSync({ node: 1, id, mode: 'r' }));
    const writer = keep(importing.connectSync({ node: 1, id, mode: 'w' }));
    expect(codeOf(() => reader.put(0, data))).toBe('RSMERR_PERM_DENIED');
    expect(codeOf(() => writer.get(0, data))).toBe('RSMERR_PERM_DENIED');
    reader.get(0, data);
    writer.put(0, data);
    imported.put(0, data); // the connection, which all share, is whole
  });

  test('many at once, asynchronously', async () => {
    const { imported, bytes } = pair();
    const part = LENGTH / 64;
    const fill = (i: number) => new Uint8Array(part).fill(i);
    await Promise.all(Array.from({ length: 64 }, (_, i) => imported.putAsync(i * part, fill(i))));
    for (let i = 0; i < 64; i++) expect(bytes[i * part + part - 1]).toBe(i);
    const back = await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const target = new Uint8Array(part);
        await imported.getAsync(i * part, target);
        return target[0];
      }),
    );
    expect(back).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  test('an asynchronous transfer keeps the process, and ends when its segment is closed', async () => {
    const { imported } = pair();
    const all = Array.from({ length: 20 }, () => imported.getAsync(0, new Uint8Array(LENGTH)));
    imported.close();
    await Promise.all(all);
    await expect(imported.getAsync(0, new Uint8Array(1))).rejects.toMatchObject({
      code: 'RSMERR_BAD_SEG_HNDL',
    });
  });

  test('a buffer may shrink while it is filled or read: nothing is touched that it gave up', async () => {
    const { imported, bytes } = pair();
    bytes.fill(3);
    const some = 512; // short ones are copied by this process, not by the kernel
    const views = Array.from({ length: 16 }, () => new Uint8Array(resizable(4096), 0, some).fill(4));
    const [kept, ...shrunk] = views.map((view) => imported.getAsync(0, view));
    const put = imported.putAsync(some, views[1]!);
    for (const view of views.slice(1)) view.buffer.resize(0);
    for (const get of shrunk) await expect(get).rejects.toMatchObject({ code: 'RSMERR_BAD_ADDR' });
    await Promise.all([kept, put]);
    expect(views[0]).toEqual(new Uint8Array(some).fill(3));
    expect(bytes.subarray(some, 2 * some)).toEqual(new Uint8Array(some).fill(4));
  });

  test('C-136 C-139 vectors', () => {
    const { imported, bytes } = pair();
    imported.putv([
      { offset: 0, local: Uint8Array.of(1, 2) },
      { offset: 10, local: Uint8Array.of(3) },
    ]);
    expect([...bytes.subarray(0, 11)]).toEqual([1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    const parts = [new Uint8Array(1), new Uint8Array(2)];
    imported.getv([
      { offset: 10, local: parts[0]! },
      { offset: 0, local: parts[1]! },
    ]);
    expect(parts).toEqual([Uint8Array.of(3), Uint8Array.of(1, 2)]);
  });

  test('C-158 map is not possible here, and says what is', () => {
    const { imported } = pair();
    imported.put(0, new Uint8Array(8));
    expect(() => imported.map()).toThrow('use put and get');
    expect(codeOf(() => imported.map())).toBe('RSMERR_MAP_FAILED');
    expect(codeOf(() => imported.unmap())).toBe('RSMERR_SEG_NOT_MAPPED');
  });
});

describe('barriers', () => {
  test('C-165 a close tells that everything before it is there', () => {
    const { imported, bytes } = pair();
    const barrier = imported.barrier();
    for (let round = 1; round <= 20; round++) {
      barrier.open();
      for (let i = 0; i < 200; i++) imported.put(8 * i, new BigUint64Array([BigInt(round)]));
      barrier.order();
      imported.put(LENGTH / 2, new Uint8Array(LENGTH / 2).fill(round));
      barrier.close();
      expect([bytes[8 * 199], bytes[LENGTH - 1]]).toEqual([round, round]);
    }
  });

  test('C-166 a close after a withdrawal fails, and so does everything later', () => {
    const { imported, exported } = pair();
    const barrier = imported.barrier().open();
    imported.put(0, new Uint8Array(8));
    exported.unpublish();
    imported.put(0, new Uint8Array(8)); // silent
    expect(codeOf(() => barrier.close())).toBe('RSMERR_CONN_ABORTED');
    expect(codeOf(() => imported.put(0, new Uint8Array(8)))).toBe('RSMERR_CONN_ABORTED');
    expect(codeOf(() => imported.post())).toBe('RSMERR_CONN_ABORTED');
    expect(imported.connected).toBe(false);
  });
});

describe('what the exporter does', () => {
  test('C-045 unpublish ends the connection, says so, and no other', async () => {
    const { imported, exported, exporting, importing, id } = pair();
    const other = exportOn(exporting);
    const alive = keep(importing.connectSync({ node: 1, id: other.id, mode: 'rw' }));
    const aborted = imported.aborted;
    exported.unpublish();
    await expect(aborted).resolves.toMatchObject({ code: 'RSMERR_CONN_ABORTED' });
    expect(exported.importers).toBe(0);
    alive.put(0, Uint8Array.of(9));
    expect(new Uint8Array(other.memory)[0]).toBe(9);
    expect(codeOf(() => importing.connectSync({ node: 1, id }))).toBe('RSMERR_SEG_NOT_PUBLISHED');
  });

  test('C-051 rebind leaves the connection whole', () => {
    const { imported, exported, bytes } = pair({ allowRebind: true });
    imported.put(0, Uint8Array.of(1));
    const fresh = allocate(LENGTH);
    const barrier = imported.barrier().open();
    exported.rebind(fresh);
    imported.put(0, Uint8Array.of(2));
    barrier.close();
    expect([bytes[0], new Uint8Array(fresh)[0]]).toEqual([1, 2]);
  });

  test('C-093 republish keeps who is connected', () => {
    const { imported, exported, importing, id } = pair();
    exported.republish([{ node: 1, permission: 0o666 }]);
    imported.put(0, Uint8Array.of(1));
    expect(codeOf(() => importing.connectSync({ node: 1, id }))).toBe('RSMERR_SEG_NOT_PUBLISHED_TO_NODE');
    exported.republish(EVERYBODY);
    keep(importing.connectSync({ node: 1, id }));
  });
});

describe('events', () => {
  test('C-176 both ways, waiting in every way there is', async () => {
    const { imported, exported } = pair();
    exported.post();
    expect(imported.waitSync(20_000)).toBe(true);
    expect(imported.waitSync(0)).toBe(false);
    exported.post();
    await imported.wait({ timeoutMs: 20_000 });
    imported.post();
    await exported.wait({ timeoutMs: 20_000 });
    imported.post();
    expect(exported.waitSync(20_000)).toBe(true);
    await expect(imported.wait({ timeoutMs: 5 })).rejects.toMatchObject({ code: 'RSMERR_TIMEOUT' });
  });

  test('C-178 each one counts, but for those that do not accumulate', async () => {
    const { imported, exported } = pair();
    for (let i = 0; i < 100; i++) exported.post();
    for (let i = 0; i < 100; i++) expect(imported.waitSync(20_000)).toBe(true);
    for (let i = 0; i < 100; i++) exported.post({ accumulate: false });
    expect(imported.waitSync(20_000)).toBe(true);
    // The last of them may be on its way; then all are here.
    imported.get(0, new Uint8Array(1));
    exported.post();
    expect(imported.waitSync(20_000)).toBe(true);
  });

  test('C-184 waiters are served in turn', async () => {
    const { imported, exported } = pair();
    const order: number[] = [];
    const waits = [1, 2, 3].map((n) => imported.wait({ timeoutMs: 20_000 }).then(() => order.push(n)));
    for (let i = 0; i < 3; i++) exported.post();
    await Promise.all(waits);
    expect(order).toEqual([1, 2, 3]);
  });

  test('an event tells that what was put before it is there', async () => {
    const { imported, exported, bytes } = pair();
    const barrier = imported.barrier().open();
    for (let i = 1; i <= 50; i++) {
      imported.put(0, Uint8Array.of(i));
      imported.post();
      await exported.wait({ timeoutMs: 20_000 });
      expect(bytes[0]).toBe(i);
    }
    barrier.close();
  });
});

describe('lock operations', () => {
  test('atomics are those of the exporter', () => {
    const { imported, exported } = pair({ lockOps: true });
    expect(imported.fetchAdd(0, 5)).toBe(0);
    expect(exported.fetchAdd(0, -6)).toBe(5);
    expect(imported.fetchAdd(0, 1)).toBe(2 ** 32 - 1);
    expect(imported.fetchOr(8, 2n ** 63n)).toBe(0n);
    expect(imported.fetchXor(8, 1n)).toBe(2n ** 63n);
    expect(imported.compareExchange(8, 0n, 1n)).toBe(2n ** 63n + 1n);
    expect(imported.exchange(8, -1n)).toBe(2n ** 63n + 1n);
    expect(imported.fetchAnd(8, 1n)).toBe(2n ** 64n - 1n);
    expect(exported.fetchAdd(8, 0n)).toBe(1n);
    expect(codeOf(() => imported.fetchAdd(LENGTH, 1))).toBe('RSMERR_BAD_OFFSET');
    expect(codeOf(() => imported.fetchAdd(2, 1))).toBe('RSMERR_BAD_MEM_ALIGNMENT');
  });

  test('a lock is passed on between the nodes', async () => {
    const { imported, exported } = pair({ lockOps: true });
    const there = imported.lock(64);
    const here = exported.lock(64);
    const first = there.acquireSync(20_000)!;
    expect(first.ownerDied).toBe(false);
    expect(here.tryAcquire()).toBeNull();
    const second = here.acquire({ timeoutMs: 20_000 });
    first.release();
    const held = await second;
    expect(there.tryAcquire()).toBeNull();
    expect(there.acquireSync(20)).toBeNull();
    const third = there.acquire({ timeoutMs: 20_000 });
    held.release();
    (await third).release();
    here.acquireSync(20_000)!.release();
  });

  test('a wait that was given up does not get the lock later', async () => {
    const { imported, exported } = pair({ lockOps: true });
    const held = exported.lock(0).acquireSync(20_000)!;
    const controller = new AbortController();
    const waiting = imported.lock(0).acquire({ signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'RSMERR_INTERRUPTED' });
    held.release();
    exported.lock(0).acquireSync(20_000)!.release();
    imported.lock(0).acquireSync(20_000)!.release();
  });

  test('who has a lock and goes is told to the next', async () => {
    const { imported, exported, importing, id } = pair({ lockOps: true });
    const other = keep(importing.connectSync({ node: 1, id, mode: 'rw' }));
    other.lock(128).acquireSync(20_000);
    const waiting = imported.lock(128).acquire({ timeoutMs: 20_000 });
    other.close();
    const held = await waiting;
    expect(held.ownerDied).toBe(true);
    held.release();
    expect(exported.lock(128).acquireSync(20_000)!.ownerDied).toBe(false);
  });
});
