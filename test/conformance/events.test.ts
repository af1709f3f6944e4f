/** Events (rsmapi.md 1.9, 2.9). */
import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import { arrived, EXPORTER, exported, imported, later, openEnd, PAGE, peer } from '../support/scene.ts';

type Handle = rsm.rsm_memseg_export_handle_t | rsm.rsm_memseg_import_handle_t;
const post = (segment: Handle, flags = 0): number => rsm.rsm_intr_signal_post(segment, flags);
const wait = (segment: Handle, timeout = 0): number => rsm.rsm_intr_signal_wait(segment, timeout);
/** Long enough for an event that is on its way. */
const SOON = 5000;

/** How many events are pending; consumes them. */
function pending(segment: Handle): number {
  let count = 0;
  while (wait(segment) === 0) count++;
  return count;
}

/** The two kinds of segment of the api, until the test ends. */
function joined() {
  const owner = openEnd('exporting').createExport(allocate(PAGE));
  const importer = openEnd('importing').connectSync({ node: EXPORTER, id: owner.publish() });
  later(() => {
    importer.close();
    owner.close();
  });
  return { owner, importer };
}

test('C-176 post on an import handle wakes the exporter only', async () => {
  const { segment: owner, id } = exported();
  const poster = imported({ id }).segment;
  const other = imported({ id }).segment;
  const remote = await peer();
  await remote.import({ id });
  expect(post(poster)).toBe(0);
  expect(wait(owner, SOON)).toBe(0);
  expect([wait(owner), wait(poster), wait(other)]).toEqual(new Array(3).fill(rsm.RSMERR_TIMEOUT));
  expect(await remote.run(({ rsm, kept }) => rsm.rsm_intr_signal_post(kept.imported.segment, 0))).toBe(0);
  expect(wait(owner, SOON)).toBe(0);
  expect(await remote.run(({ rsm, kept }) => rsm.rsm_intr_signal_wait(kept.imported.segment, 0))).toBe(
    rsm.RSMERR_TIMEOUT,
  );
});

test('C-177 post on an export handle gives one event to each import segment, wherever it is', async () => {
  const { segment: owner, id } = exported();
  const here = [imported({ id }).segment, imported({ id }).segment];
  const remote = await peer();
  await remote.run(({ imported, kept }, target: number) => {
    kept.imports = [imported({ id: target }), imported({ id: target })];
  }, id);
  expect(post(owner)).toBe(0);
  for (const segment of here) expect([wait(segment, SOON), wait(segment)]).toEqual([0, rsm.RSMERR_TIMEOUT]);
  const there = await remote.run(({ rsm, kept }) =>
    kept.imports.flatMap(({ segment }) => [
      rsm.rsm_intr_signal_wait(segment, 5000),
      rsm.rsm_intr_signal_wait(segment, 0),
    ]),
  );
  expect(there).toEqual([0, rsm.RSMERR_TIMEOUT, 0, rsm.RSMERR_TIMEOUT]);
  expect(wait(owner)).toBe(rsm.RSMERR_TIMEOUT);
});

test('C-178 post without importers, or unpublished, returns 0 and leaves nothing pending', () => {
  const { segment: owner, id } = exported();
  expect(post(owner)).toBe(0);
  expect(wait(imported({ id }).segment)).toBe(rsm.RSMERR_TIMEOUT);
  expect(wait(owner)).toBe(rsm.RSMERR_TIMEOUT);
  const unpublished = exported({ id: false }).segment;
  expect(post(unpublished)).toBe(0);
  const late = rsm.out<number>(0);
  expect(rsm.rsm_memseg_export_publish(unpublished, late, null, 0)).toBe(0);
  expect(wait(imported({ id: late.value! }).segment)).toBe(rsm.RSMERR_TIMEOUT);
});

test('C-179 three posts satisfy three waits, a fourth times out', async () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  for (let n = 0; n < 3; n++) expect([post(segment), post(owner)]).toEqual([0, 0]);
  for (const waiter of [owner, segment]) {
    expect([wait(waiter, SOON), wait(waiter, SOON), wait(waiter, SOON)]).toEqual([0, 0, 0]);
    expect(wait(waiter)).toBe(rsm.RSMERR_TIMEOUT);
  }
  const remote = await peer();
  await remote.import({ id });
  await remote.run(({ rsm, kept }) => {
    for (let n = 0; n < 1000; n++) rsm.rsm_intr_signal_post(kept.imported.segment, 0);
  });
  for (let n = 0; n < 1000; n++) expect(wait(owner, SOON)).toBe(0);
  expect(wait(owner)).toBe(rsm.RSMERR_TIMEOUT);
});

test('C-180 post with NO_ACCUMULATE is dropped while one is pending (D-09)', () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  const flags = rsm.RSM_SIGPOST_NO_ACCUMULATE;
  for (const [from, to] of [
    [segment, owner],
    [owner, segment],
  ] as const) {
    const posted = (...each: number[]): number => {
      for (const flag of each) expect(post(from, flag)).toBe(0);
      arrived(segment);
      return pending(to);
    };
    expect(posted(flags, flags)).toBe(1);
    expect(posted(0, flags, 0)).toBe(2); // the plain ones count
    expect(posted(flags)).toBe(1);
    expect(posted(0xfd)).toBe(1); // other bits are ignored
  }
});

test('C-180 for each target by itself', () => {
  const { segment: owner, id } = exported();
  const busy = imported({ id }).segment;
  expect(post(owner)).toBe(0);
  const idle = imported({ id }).segment;
  expect(post(owner, rsm.RSM_SIGPOST_NO_ACCUMULATE)).toBe(0);
  arrived(idle);
  expect([pending(busy), pending(idle)]).toEqual([1, 1]);
});

describe('C-181 time-outs', () => {
  test('C-181 wait returns TIMEOUT after the time, not earlier', () => {
    const { segment } = exported();
    for (const timeout of [1, 20, 150]) {
      const start = performance.now();
      expect(wait(segment, timeout)).toBe(rsm.RSMERR_TIMEOUT);
      expect(performance.now() - start).toBeGreaterThanOrEqual(timeout - 0.5); // clock granularity
    }
  });

  test('C-181 the api does the same', async () => {
    const segment = openEnd('exporting').createExport(allocate(PAGE));
    expect(segment.waitSync(5)).toBe(false);
    const start = performance.now();
    await expect(segment.wait({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'RSMERR_TIMEOUT' });
    expect(performance.now() - start).toBeGreaterThanOrEqual(48); // timers fire up to 1 ms early
    segment.close();
  });

  test('C-181 -1 waits without limit', async () => {
    const waiter = await peer();
    const id = await waiter.export();
    const waiting = waiter.run(({ rsm, kept }) => rsm.rsm_intr_signal_wait(kept.exported.segment, -1));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(post(imported({ id }).segment)).toBe(0);
    expect(await waiting).toBe(0);
  });
});

test('C-182 a wait that a signal interrupts returns INTERRUPTED', async () => {
  const waiter = await peer();
  await waiter.export();
  let answer: number | undefined;
  const waiting = waiter.run(({ rsm, kept }) => {
    process.on('SIGUSR2', () => {});
    return rsm.rsm_intr_signal_wait(kept.exported.segment, -1);
  });
  void waiting.then((result) => {
    answer = result;
  });
  await new Promise((resolve) => setTimeout(resolve, 500)); // until the handler is there
  while (answer === undefined) {
    waiter.process.kill('SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await waiting).toBe(rsm.RSMERR_INTERRUPTED);
});

test('C-182 a wait of the api that is cancelled rejects with INTERRUPTED', async () => {
  const segment = openEnd('exporting').createExport(allocate(PAGE));
  const abort = new AbortController();
  const waiting = segment.wait({ signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'RSMERR_INTERRUPTED' });
  segment.close();
});

test('C-183 an event posted before the wait is returned immediately', () => {
  const { segment: owner, id } = exported();
  expect(post(imported({ id }).segment)).toBe(0);
  expect(wait(owner, -1)).toBe(0);
});

test('C-184 of two waiters one post releases exactly one (D-11)', async () => {
  const { owner, importer } = joined();
  let released = 0;
  const waiting = [owner.wait(), owner.wait()].map((wait) =>
    wait.then(() => {
      released++;
    }),
  );
  importer.post();
  await Promise.race(waiting);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(released).toBe(1);
  importer.post();
  await Promise.all(waiting);
  expect(released).toBe(2);
});

test('C-183 who awaits what is there already leaves the event loop its turns, and each event counts once', async () => {
  const POSTS = 1000;
  const { owner, importer } = joined();
  for (let i = 0; i < POSTS; i += 1) importer.post();
  let taken = 0;
  let turned = -1;
  setImmediate(() => {
    turned = taken;
  });
  for await (const _ of owner.events()) {
    taken += 1;
    if (taken === POSTS) break;
  }
  expect(turned).toBeGreaterThanOrEqual(0);
  expect(turned).toBeLessThan(POSTS / 2);
  expect(owner.waitSync(0)).toBe(false);
});

test('C-183 an event that is there when the time is over is returned, however late the event loop is', async () => {
  const TAKEN_WITHOUT_A_TURN = 64;
  const { owner, importer } = joined();
  for (let i = 0; i <= TAKEN_WITHOUT_A_TURN; i += 1) importer.post();
  for (let i = 0; i < TAKEN_WITHOUT_A_TURN; i += 1) await owner.wait();
  const waiting = owner.wait({ timeoutMs: 50 });
  const start = performance.now();
  while (performance.now() - start < 200);
  await waiting;
  await expect(owner.wait({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'RSMERR_TIMEOUT' });
});

test('C-184 who only looks serves those who came first, and gets what is left', async () => {
  const { owner, importer } = joined();
  const first = owner.wait();
  for (let i = 0; i < 2; i += 1) importer.post();
  // Without a turn of the event loop, which would serve the first.
  for (let found = false, looks = 0; !found; looks += 1) {
    expect(looks).toBeLessThan(200_000);
    found = await owner.wait({ timeoutMs: 0 }).then(
      () => true,
      () => false,
    );
  }
  await first;
  expect(owner.waitSync(0)).toBe(false);
});

describe('C-185 post on an aborted import segment', () => {
  test('C-185 after unpublish it returns CONN_ABORTED (D-12)', () => {
    const { segment: owner, id } = exported({ id: 0x400185 });
    const { segment } = imported({ id });
    expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
    arrived(segment);
    expect(post(segment)).toBe(rsm.RSMERR_CONN_ABORTED);
    expect(rsm.rsm_memseg_export_publish(owner, rsm.out(id), null, 0)).toBe(0);
    expect(post(segment)).toBe(rsm.RSMERR_CONN_ABORTED);
    expect(wait(owner)).toBe(rsm.RSMERR_TIMEOUT);
  });

  test('C-185 after the death of the exporter too', async () => {
    const exporter = await peer();
    const { segment } = imported({ id: await exporter.export() });
    await exporter.kill();
    await expect.poll(() => post(segment)).toBe(rsm.RSMERR_CONN_ABORTED);
  });
});

describe('C-186 unpublish and events', () => {
  test('C-186 pending events stay, none are made', () => {
    const { segment: owner, id } = exported();
    const { segment } = imported({ id });
    expect([post(segment), post(segment), post(owner)]).toEqual([0, 0, 0]);
    arrived(segment);
    expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
    expect([pending(owner), pending(segment)]).toEqual([2, 1]);
  });

  test('C-186 the wait of an importer goes on', async () => {
    const { segment: owner, id } = exported();
    const waiter = await peer();
    await waiter.import({ id });
    const waiting = waiter.run(({ rsm, kept }) => {
      const start = performance.now();
      const result = rsm.rsm_intr_signal_wait(kept.imported.segment, 700);
      return { result, full: performance.now() - start >= 699 };
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
    expect(await waiting).toEqual({ result: rsm.RSMERR_TIMEOUT, full: true });
  });
});
