/** Locks of segments with lock operations, seen from one process: order, time-outs, signals, ends. */
import { getEventListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import * as api from '../../src/api/index.ts';
import { collectIn } from '../support/actors.ts';
import { EXPORTER, later, openEnd, PAGE, peer } from '../support/scene.ts';

interface Sides {
  /** The importing one. */
  controller: api.Controller;
  owner: api.ExportSegment;
  importers: api.ImportSegment[];
}

function sides(count = 2): Sides {
  const owner = openEnd('exporting').createExport(api.allocate(PAGE), { lockOps: true, allowRebind: true });
  const controller = openEnd('importing');
  const target = { node: EXPORTER, id: owner.publish() };
  const importers = Array.from({ length: count }, () => controller.connectSync(target));
  later(() => {
    for (const importer of importers) importer.close();
    owner.close();
  });
  return { controller, owner, importers };
}

const code = async (call: () => unknown): Promise<string> => {
  try {
    await call();
    return 'done';
  } catch (error) {
    return (error as api.RsmError).code;
  }
};

/** Until somebody waits for the lock at 0. */
const asked = async (owner: api.ExportSegment): Promise<void> => {
  while (owner.fetchAdd(0, 0) < 2 ** 31) await pause(1);
};

test('of all who ask one has it, and they get it in the order of asking', async () => {
  const { owner, importers } = sides(4);
  const held = await owner.lock(64).acquire();
  const order: number[] = [];
  const waiting = [...importers, owner, ...importers].map(async (segment, index) => {
    const mine = await segment.lock(64).acquire();
    order.push(index);
    expect(mine.ownerDied).toBe(false);
    await pause(1);
    expect(order.at(-1), 'nobody else came meanwhile').toBe(index);
    mine.release();
  });
  await pause(20);
  expect(order).toEqual([]);
  held.release();
  await Promise.all(waiting);
  // Requests of one segment arrive in its order; those of several as the agent reads their sockets.
  const places = importers.map((_, index) => [order.indexOf(index), order.indexOf(index + 5)]);
  for (const [first, second] of places) expect(first).toBeLessThan(second!);
  expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(owner.lock(64).tryAcquire()).not.toBeNull();
});

test('locks of other offsets are other locks; each is 4 bytes, and 0 when it is free', async () => {
  const { owner, importers } = sides();
  const words = new Uint32Array(owner.memory);
  const first = importers[0]!.lock(0).tryAcquire()!;
  const second = importers[1]!.lock(4).acquireSync(0)!;
  expect(words[0]).not.toBe(0);
  expect(words[1]).not.toBe(0);
  expect(words[0]).not.toBe(words[1]);
  expect(importers[0]!.lock(4).offset).toBe(4);
  first.release();
  await using last = second;
  expect([words[0], words[2], last.ownerDied]).toEqual([0, 0, false]);
});

test('using releases it, at the end of a block however it ends', async () => {
  const { owner, importers } = sides();
  const lock = importers[0]!.lock(0);
  const word = new Uint32Array(owner.memory, 0, 1);
  for (let i = 0; i < 3; i += 1) {
    using held = lock.acquireSync(1000)!;
    expect([held.ownerDied, word[0] !== 0]).toEqual([false, true]);
  }
  expect(word[0]).toBe(0);
  const failing = async (): Promise<void> => {
    await using _held = await lock.acquire();
    throw new Error('within');
  };
  await expect(failing()).rejects.toThrow('within');
  expect(word[0]).toBe(0);
});

test('release is for once: again it changes nothing, whoever has the lock by then', async () => {
  const { owner, importers } = sides();
  const [one, other] = importers.map((segment) => segment.lock(0));
  const held = one!.tryAcquire()!;
  held.release();
  const next = other!.tryAcquire()!;
  held.release();
  held[Symbol.dispose]();
  await held[Symbol.asyncDispose]();
  expect(one!.tryAcquire()).toBeNull();
  next.release();
  expect(new Uint32Array(owner.memory)[0]).toBe(0);
});

test('time-outs: never early, and whoever gave up is not given it', async () => {
  const { owner, importers } = sides();
  const [lock, other] = importers.map((segment) => segment.lock(0));
  const held = owner.lock(0).tryAcquire()!;
  for (const timeoutMs of [0, 1, 30]) {
    const start = performance.now();
    expect(lock!.acquireSync(timeoutMs)).toBeNull();
    expect(await code(() => other!.acquire({ timeoutMs }))).toBe('RSMERR_TIMEOUT');
    expect(performance.now() - start).toBeGreaterThanOrEqual(timeoutMs === 0 ? 0 : 2 * timeoutMs - 1);
  }
  const patient = other!.acquire({ timeoutMs: 2 ** 40 });
  expect(lock!.tryAcquire()).toBeNull();
  held.release();
  (await patient).release();
  expect(await code(() => lock!.acquire({ timeoutMs: Number.NaN }))).toBe('RSMERR_BAD_ADDR');
  expect(await code(() => lock!.acquireSync('1' as never))).toBe('RSMERR_BAD_ADDR');
  expect(owner.lock(0).acquireSync(0)).not.toBeNull();
});

test('a signal ends the wait and nothing else; its listeners go', async () => {
  const { owner, importers } = sides();
  const lock = importers[0]!.lock(0);
  const held = owner.lock(0).tryAcquire()!;
  const controller = new AbortController();
  const { signal } = controller;
  const attempts = [lock.acquire({ signal }), lock.acquire({ signal, timeoutMs: 60_000 })];
  controller.abort(new Error('enough'));
  for (const attempt of attempts) {
    await expect(attempt).rejects.toMatchObject({
      code: 'RSMERR_INTERRUPTED',
      cause: new Error('enough'),
    });
  }
  expect(await code(() => lock.acquire({ signal }))).toBe('RSMERR_INTERRUPTED');
  expect(getEventListeners(signal, 'abort').length).toBe(0);
  held.release();
  // Aborted in the moment in which it is granted: it is ours or free, and never lost.
  for (let i = 0; i < 50; i += 1) {
    const blocker = owner.lock(0).tryAcquire() ?? owner.lock(0).acquireSync()!;
    const late = new AbortController();
    const wanted = lock.acquire({ signal: late.signal });
    blocker.release();
    if (i % 2 === 0) await pause(0);
    late.abort();
    await wanted.then(
      (mine) => mine.release(),
      () => {},
    );
    const next = importers[1]!.lock(0).acquireSync(60_000);
    expect(next).not.toBeNull();
    next!.release();
  }
});

test('a segment that has the lock, or waits for it, does not block its thread for itself', async () => {
  const { owner, importers } = sides();
  for (const segment of [owner, importers[0]!]) {
    const lock = segment.lock(0);
    const held = lock.tryAcquire()!;
    expect(await code(() => lock.acquireSync())).toBe('RSMERR_TIMEOUT');
    expect(await code(() => segment.lock(0).acquireSync(10))).toBe('RSMERR_TIMEOUT');
    expect(lock.tryAcquire()).toBeNull();
    const waiting = lock.acquire();
    held.release();
    expect(await code(() => lock.acquireSync())).toBe('RSMERR_TIMEOUT');
    (await waiting).release();
    const others = importers[1]!.lock(0).tryAcquire()!;
    const wanted = lock.acquire();
    expect(await code(() => lock.acquireSync())).toBe('RSMERR_TIMEOUT');
    expect(lock.tryAcquire()).toBeNull();
    others.release();
    (await wanted).release();
    lock.acquireSync()!.release();
  }
});

test('closing a segment passes its lock on as its death would, and ends its waits', async () => {
  const { controller, owner, importers } = sides(3);
  const [holder, waiter, third] = importers;
  const held = await holder!.lock(0).acquire();
  const ended = code(() => waiter!.lock(0).acquire());
  const wanted = third!.lock(0).acquire();
  await pause(5);
  waiter!.close();
  expect(await ended).toBe('RSMERR_BAD_SEG_HNDL');
  holder!.close();
  held.release(); // too late: nothing happens
  const inherited = await wanted;
  expect(inherited.ownerDied).toBe(true);
  inherited.release();
  const last = controller.connectSync({ node: EXPORTER, id: owner.id! });
  const mine = last.lock(0).tryAcquire()!;
  expect(mine.ownerDied, 'told once').toBe(false);
  const own = code(() => owner.lock(0).acquire());
  owner.close();
  expect(await own).toBe('RSMERR_BAD_SEG_HNDL');
  expect(await code(() => mine.release())).toBe('RSMERR_CONN_ABORTED');
  last.close();
});

test('nobody to tell that the owner died: the next who comes is told', async () => {
  const { owner, importers } = sides(2);
  importers[0]!.lock(8).tryAcquire();
  importers[0]!.close();
  let next = importers[1]!.lock(8).tryAcquire();
  while (next === null) next = importers[1]!.lock(8).tryAcquire(); // until the agent has seen it
  expect(next.ownerDied).toBe(true);
  expect(owner.lock(8).tryAcquire()).toBeNull();
});

test('C-090 unpublish ends the waits of importers; the exporter keeps its locks', async () => {
  const { owner, importers } = sides(2);
  const held = await owner.lock(0).acquire();
  const waits = importers.map((segment) => code(() => segment.lock(0).acquire()));
  await pause(5);
  owner.unpublish();
  expect(await Promise.all(waits)).toEqual(['RSMERR_CONN_ABORTED', 'RSMERR_CONN_ABORTED']);
  expect(await code(() => importers[0]!.lock(0).tryAcquire())).toBe('RSMERR_CONN_ABORTED');
  expect(await code(() => importers[0]!.lock(0).acquireSync(50))).toBe('RSMERR_CONN_ABORTED');
  expect(owner.lock(0).tryAcquire()).toBeNull();
  held.release();
  owner.lock(0).tryAcquire()!.release();
});

test('C-090 unpublish ends the wait of who waits behind its own segment', async () => {
  const { owner, importers } = sides(1);
  const held = await importers[0]!.lock(0).acquire();
  const waits = [1, 2, 3].map(() => code(() => importers[0]!.lock(0).acquire()));
  owner.unpublish();
  expect(await Promise.all(waits)).toEqual(Array(3).fill('RSMERR_CONN_ABORTED'));
  const again = importers[0]!.lock(0);
  expect(await code(() => again.acquire())).toBe('RSMERR_CONN_ABORTED');
  expect(await code(() => again.acquireSync())).toBe('RSMERR_CONN_ABORTED');
  expect(await code(() => again.tryAcquire())).toBe('RSMERR_CONN_ABORTED');
  expect(await code(() => held.release())).toBe('RSMERR_CONN_ABORTED');
  expect(await code(() => again.acquire())).toBe('RSMERR_CONN_ABORTED');
});

test('C-050 after a rebind the locks are those of the new memory, for holders and waiters', async () => {
  const { owner, importers } = sides(3);
  const held = await importers[0]!.lock(0).acquire();
  const waiting = importers[1]!.lock(0).acquire();
  await asked(owner);
  const memory = api.allocate(PAGE);
  owner.rebind(memory);
  const mine = await waiting; // free there
  expect(mine.ownerDied).toBe(false);
  held.release(); // of the old memory: nothing of the new one
  expect(importers[2]!.lock(0).tryAcquire()).toBeNull();
  const again = importers[0]!.lock(0).acquire();
  mine.release();
  (await again).release();
  expect(new Uint32Array(memory)[0]).toBe(0);
  // What the segment itself waits for is not confused with what it had.
  const before = await importers[0]!.lock(0).acquire();
  const after = importers[0]!.lock(0).acquire();
  owner.rebind(api.allocate(PAGE));
  before.release();
  const got = await after;
  expect(importers[1]!.lock(0).tryAcquire()).toBeNull();
  got.release();
  // Rubbish in memory that comes new is an owner who is not there.
  const old = api.allocate(PAGE);
  new Uint32Array(old)[0] = 12345;
  owner.rebind(old);
  const found = importers[1]!.lock(0).tryAcquire()!;
  expect(found.ownerDied).toBe(true);
});

test('C-050 the exporter keeps its locks over a rebind, whoever waits; if it fails nothing has changed', async () => {
  const { owner, importers } = sides(2);
  const held = owner.lock(0).tryAcquire()!;
  const waiting = importers[0]!.lock(0).acquire();
  await asked(owner);
  const small = api.allocate(PAGE);
  const taken = openEnd('exporting').createExport(api.allocate(3 * PAGE));
  const overlap = new Uint8Array(taken.memory, PAGE, PAGE); // exported as a part of more: refused
  expect(await code(() => owner.rebind(overlap))).toBe('RSMERR_INSUFFICIENT_RESOURCES');
  expect(overlap.every((byte) => byte === 0)).toBe(true);
  owner.rebind(small);
  expect(owner.lock(0).tryAcquire()).toBeNull();
  expect(importers[1]!.lock(0).tryAcquire()).toBeNull();
  expect(importers[1]!.lock(0).acquireSync(20)).toBeNull();
  held.release();
  const mine = await waiting;
  expect(mine.ownerDied).toBe(false);
  mine.release();
  expect(await owner.lock(0).acquire()).toMatchObject({ ownerDied: false });
  taken.close();
});

test('C-050 memory that comes back has the locks that importers left in it, but for those the exporter has', async () => {
  const { owner, importers } = sides(2);
  const first = owner.memory;
  const left = [0, 4].map((offset) => importers[0]!.lock(offset).tryAcquire()!);
  owner.rebind(api.allocate(PAGE));
  for (const lock of left) lock.release();
  const held = owner.lock(0).tryAcquire()!;
  owner.rebind(first);
  held.release();
  expect(importers[1]!.lock(0).tryAcquire()).toMatchObject({ ownerDied: false });
  expect(importers[1]!.lock(4).tryAcquire()).toBeNull();
  importers[0]!.close();
  expect(await importers[1]!.lock(4).acquire()).toMatchObject({ ownerDied: true });
});

test('who waits in one segment takes turns, and gives up without holding the others up', async () => {
  const { owner, importers } = sides(2);
  const held = owner.lock(0).tryAcquire()!;
  const lock = importers[0]!.lock(0);
  const order: number[] = [];
  const waits = Array.from({ length: 200 }, async (_, index) => {
    const timeoutMs = index % 3 === 1 ? 1 : 60_000;
    try {
      const mine = await lock.acquire({ timeoutMs });
      order.push(index);
      if (index % 2 === 0) await pause(0);
      mine.release();
    } catch (error) {
      expect([index % 3, (error as api.RsmError).code]).toEqual([1, 'RSMERR_TIMEOUT']);
    }
  });
  await pause(30);
  held.release();
  await Promise.all(waits);
  expect(order.filter((index) => index % 3 !== 1).length).toBe(133);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(lock.tryAcquire()).not.toBeNull();
});

test('64 locks can be asked for by a segment; one more is refused and takes nothing', async () => {
  const { owner, importers } = sides(1);
  const offsets = Array.from({ length: 64 }, (_, index) => index * 4);
  const held = [...offsets, 256].map((offset) => owner.lock(offset).tryAcquire()!);
  const waits = offsets.map((offset) => importers[0]!.lock(offset).acquire());
  expect(await code(() => importers[0]!.lock(256).acquire())).toBe('RSMERR_INSUFFICIENT_RESOURCES');
  for (const each of held) each.release();
  for (const wait of waits) (await wait).release();
  (await importers[0]!.lock(256).acquire()).release();
  expect(new Uint32Array(owner.memory).every((word) => word === 0)).toBe(true);
});

test('a pending acquire keeps the process alive, and nothing else of a lock does', async () => {
  const { owner } = sides(1);
  const held = owner.lock(0).tryAcquire()!;
  const other = await peer();
  const given = await other.run(async ({ api, plane, kept }, id: number) => {
    const { controller, exporting, importing } = plane;
    const opened = api.openController(controller, importing);
    const segment = await opened.connect({ node: exporting.node, id });
    Object.assign(kept, { segment, free: segment.lock(64).tryAcquire() });
    return await segment
      .lock(0)
      .acquire({ timeoutMs: 1 })
      .catch((error: { code: string }) => error.code);
  }, owner.id!);
  expect(given).toBe('RSMERR_TIMEOUT');
  const got = other.run(async ({ kept }) => {
    const { segment } = kept as unknown as { segment: api.ImportSegment };
    return (await segment.lock(0).acquire()).ownerDied;
  });
  const ended = other.exit(); // its input ends while it waits
  await asked(owner);
  await pause(30);
  held.release();
  expect(await got).toBe(false);
  expect(await ended).toBe(0);
});

test('a held or wanted lock keeps its segment, whatever is collected', async () => {
  const { owner, importers } = sides(1);
  const other = await peer();
  await other.run(async ({ api, plane, kept }, id: number) => {
    const controller = api.openController(plane.controller, plane.importing);
    const target = { node: plane.exporting.node, id };
    const held = await (await controller.connect(target)).lock(0).acquire();
    const waiting = (await controller.connect(target)).lock(0).acquire();
    Object.assign(kept, { held, waiting });
  }, owner.id!);
  await collectIn(other);
  expect(importers[0]!.lock(0).tryAcquire()).toBeNull();
  expect(owner.importers).toBe(3);
  await other.run(async ({ kept }) => {
    const { held, waiting } = kept as unknown as { held: api.HeldLock; waiting: Promise<api.HeldLock> };
    held.release();
    (await waiting).release();
    Object.assign(kept, { held: undefined, waiting: undefined });
  });
  while (owner.importers > 1) await collectIn(other);
  expect(importers[0]!.lock(0).tryAcquire()?.ownerDied).toBe(false);
});
