/** Who holds a lock, waits for it or exports it ends or stops in whatever way: the others get it, and are told. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import * as api from '../../src/api/index.ts';
import type { Peer } from '../support/peer.ts';
import { later, PAGE, peer } from '../support/scene.ts';

/** What these helpers keep in a peer. */
interface Held {
  segment: api.ImportSegment;
  owner: api.ExportSegment;
  held: api.HeldLock | null;
}

function lockable(): { owner: api.ExportSegment; id: number; lock: api.Lock } {
  const controller = api.openController();
  const owner = controller.createExport(api.allocate(PAGE), { lockOps: true });
  later(() => {
    owner.close();
    controller.close();
  });
  return { owner, id: owner.publish(), lock: owner.lock(0) };
}

async function connected(id: number): Promise<Peer> {
  const other = await peer();
  await other.run(async ({ api, kept }, target: number) => {
    (kept as unknown as Held).segment = await api.openController().connect({ id: target });
  }, id);
  return other;
}

type Way = 'acquire' | 'acquireSync' | 'tryAcquire';

/** Takes the lock at 0 there, and keeps it: whether the previous owner died; null: did not get it; or the code. */
function take(other: Peer, way: Way, timeoutMs = -1): Promise<boolean | string | null> {
  return other.run(
    async ({ kept }, how: Way, limit: number) => {
      const here = kept as unknown as Held;
      const lock = here.segment.lock(0);
      try {
        if (how === 'acquire') here.held = await lock.acquire({ timeoutMs: limit });
        else here.held = how === 'acquireSync' ? lock.acquireSync(limit) : lock.tryAcquire();
        return here.held === null ? null : here.held.ownerDied;
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
    way,
    timeoutMs,
  );
}

function release(other: Peer): Promise<void> {
  return other.run(({ kept }) => (kept as unknown as Held).held?.release());
}

/** Until somebody waits for the lock at 0. */
async function asked(owner: api.ExportSegment): Promise<void> {
  while (owner.fetchAdd(0, 0) < 2 ** 31) await pause(1);
}

const WAYS: Way[] = ['acquire', 'acquireSync'];

test.each(WAYS)(
  'SIGKILL of the holder: who waits by %s gets the lock and is told, the next one is not',
  async (way) => {
    const { owner, id, lock } = lockable();
    const [holder, first, second] = await Promise.all([connected(id), connected(id), connected(id)]);
    expect(await take(holder, 'tryAcquire')).toBe(false);
    const firstGot = take(first, way);
    await asked(owner);
    const secondGot = take(second, way);
    await holder.kill();
    const winner = await Promise.race([firstGot.then(() => first), secondGot.then(() => second)]);
    await release(winner);
    expect([await firstGot, await secondGot].sort()).toEqual([false, true]);
    await release(winner === first ? second : first);
    expect(lock.acquireSync()!.ownerDied).toBe(false);
  },
);

test('SIGKILL of the holder with nobody waiting: the next who comes is told', async () => {
  const { id, lock } = lockable();
  const holder = await connected(id);
  await take(holder, 'acquire');
  expect(lock.tryAcquire()).toBeNull();
  await holder.kill();
  using held = lock.acquireSync()!;
  expect(held.ownerDied).toBe(true);
});

test.each(['process.exit', 'exit'])('a holder that ends by %s died with its lock', async (manner) => {
  const { id, lock } = lockable();
  const holder = await connected(id);
  await take(holder, 'acquireSync');
  if (manner === 'exit') await holder.exit();
  else void holder.run(() => process.exit(0)).catch(() => {});
  const held = await lock.acquire();
  expect(held.ownerDied).toBe(true);
});

test.each(WAYS)('SIGKILL of who waits by %s: the others wait on and are not told', async (way) => {
  const { owner, id, lock } = lockable();
  const [waiter, next] = await Promise.all([connected(id), connected(id)]);
  const held = lock.tryAcquire()!;
  take(waiter, way).catch(() => {});
  await asked(owner);
  const got = take(next, way);
  await waiter.kill();
  await pause(20);
  held.release();
  expect(await got).toBe(false);
  await release(next);
  expect(lock.acquireSync()!.ownerDied).toBe(false);
});

test.each(WAYS)('SIGKILL of the exporter: who waits by %s, and who holds, get CONN_ABORTED', async (way) => {
  const exporter = await peer();
  const id = await exporter.run(({ api, kept }) => {
    const owner = api.openController().createExport(api.allocate(4096), { lockOps: true });
    (kept as unknown as Held).owner = owner;
    return owner.publish();
  });
  const [holder, waiter] = await Promise.all([connected(id), connected(id)]);
  await take(holder, 'acquire');
  const got = take(waiter, way);
  await exporter.run(async ({ kept }) => {
    const { owner } = kept as unknown as Held;
    while (owner.fetchAdd(0, 0) < 2 ** 31) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  await exporter.kill();
  expect(await got).toBe('RSMERR_CONN_ABORTED');
  for (const way of ['acquire', 'acquireSync', 'tryAcquire'] as const) {
    expect(await take(waiter, way)).toBe('RSMERR_CONN_ABORTED');
  }
  await expect(release(holder)).rejects.toMatchObject({ code: 'RSMERR_CONN_ABORTED' });
});

test('an exporter that is stopped: deadlines hold, and a free lock needs nobody', async () => {
  const exporter = await peer();
  const id = await exporter.run(({ api }) => {
    return api.openController().createExport(api.allocate(4096), { lockOps: true }).publish();
  });
  const [holder, other] = await Promise.all([connected(id), connected(id)]);
  await take(holder, 'acquire');
  await exporter.stop();
  expect(await take(other, 'acquireSync', 20)).toBeNull();
  expect(await take(other, 'acquire', 20)).toBe('RSMERR_TIMEOUT');
  expect(await take(other, 'tryAcquire')).toBeNull();
  await release(holder);
  expect(await take(other, 'tryAcquire')).toBe(false);
  await release(other);
  exporter.resume();
  // What was given up is not in the way when the exporter reads it all at once.
  for (const each of [holder, other, holder]) {
    expect(await take(each, 'acquire')).toBe(false);
    await release(each);
  }
});

test('a holder that is stopped keeps the lock, until it goes on or is killed', async () => {
  const { id, lock } = lockable();
  const [holder, other] = await Promise.all([connected(id), connected(id)]);
  await take(holder, 'acquire');
  await holder.stop();
  expect(lock.acquireSync(30)).toBeNull();
  expect(await take(other, 'acquire', 30)).toBe('RSMERR_TIMEOUT');
  holder.resume();
  await release(holder);
  expect(await take(other, 'acquireSync')).toBe(false);
  await other.stop();
  const got = lock.acquire();
  await other.kill();
  expect((await got).ownerDied).toBe(true);
});

test('an exporter whose threads are all busy serves locks all the same', async () => {
  const exporter = await peer();
  const id = await exporter.run(({ api }) => {
    const id = api.openController().createExport(api.allocate(4096), { lockOps: true }).publish();
    setTimeout(() => {
      for (;;);
    }, 0);
    return id;
  });
  const [holder, other] = await Promise.all([connected(id), connected(id)]);
  await take(holder, 'acquire');
  const got = take(other, 'acquire');
  await pause(20);
  await holder.kill();
  expect(await got).toBe(true);
  await exporter.kill();
});

const program = fileURLToPath(new URL('./programs/workers.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

test('worker.terminate() of who holds a lock or waits for it, blocking or not', async () => {
  const env = { ...process.env, RSM_TEST_DIST: dist };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, 'locks'], { env });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    exits: { acquire: 'number', acquireSync: 'number' },
    inherited: true,
    next: false,
  });
});

test('a lock released where its word is not seen is asked for once before it is taken', async () => {
  const exporter = await peer();
  const id = await exporter.run(({ api, kept }, bytes: number) => {
    const here = kept as unknown as Held;
    here.owner = api.openController().createExport(api.allocate(bytes), { lockOps: true });
    return here.owner.publish();
  }, 2 * PAGE);
  const controller = api.openController();
  const segment = controller.connectSync({ id });
  later(() => {
    segment.close();
    controller.close();
  });
  const lock = segment.lock(0);
  segment.map({ offset: PAGE });
  lock.acquireSync()!.release();
  segment.unmap();
  while (segment.fetchAdd(0, 0) !== 0) await pause(1); // the exporter has heard of the release
  later(() => exporter.resume());
  await exporter.stop();
  // It cannot tell now, and until it has, nobody knows whether the release concerns this memory.
  expect(lock.tryAcquire()).toBeNull();
  exporter.resume();
  lock.acquireSync()!.release();
  await exporter.stop();
  lock.acquireSync()!.release(); // without a message
});
