/**
 * The promise of a barrier (design 3.6): a close that succeeds speaks the truth. An exporter withdraws its
 * segment under importers that store and close without a pause, and uses its memory for something else at
 * once. Whatever an importer was told is good must be there when the exporter looks.
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { compile, preloaded } from '../support/program.ts';
import { peer } from '../support/scene.ts';

const CLOSES = 1_000_000;
/** The moments in which it could go wrong. */
const WITHDRAWALS = 200;
const IMPORTERS = 2;

interface Racing {
  controller: import('../../src/api/index.ts').Controller;
  segment: import('../../src/api/index.ts').ExportSegment;
  words: BigUint64Array;
}

function publishIn(exporter: Peer): Promise<number> {
  return exporter.run(({ api, kept }) => {
    const racing = kept as unknown as Racing;
    racing.controller ??= api.openController();
    racing.words ??= new BigUint64Array(api.allocate(8192));
    racing.words.fill(0n);
    racing.segment ??= racing.controller.createExport(racing.words.buffer as ArrayBuffer);
    return racing.segment.publish();
  });
}

/**
 * Stores 1, 2, 3, … into its word, each in a span of its own, until a close fails: the last number that was
 * told to be good, and how many were.
 */
function storeIn(importer: Peer, id: number, index: number, mapped: boolean): Promise<number> {
  return importer.run(
    async ({ api }, wanted: number, at: number, map: boolean) => {
      const controller = api.openController();
      const segment = await controller.connect({ id: wanted });
      const barrier = segment.barrier();
      const words = map ? new BigUint64Array(segment.map()) : new BigUint64Array(1);
      let good = 0;
      try {
        for (;;) {
          barrier.open();
          words[map ? at : 0] = BigInt(good + 1);
          if (!map) segment.put(at * 8, words);
          barrier.close();
          good += 1;
        }
      } catch (error) {
        if ((error as { code: string }).code !== 'RSMERR_CONN_ABORTED') throw error;
      }
      // The connection is broken for good (1.7): no later span may succeed either.
      barrier.open();
      try {
        barrier.close();
        good = Number.MAX_SAFE_INTEGER;
      } catch {
        // As it must be.
      }
      segment.close();
      controller.close();
      return good;
    },
    id,
    index * 64,
    mapped,
  );
}

/** Withdraws while they store, reads what arrived, and overwrites it before anybody could know. */
function withdrawIn(exporter: Peer, delayMs: number): Promise<number[]> {
  return exporter.run(
    async ({ kept }, wait: number, count: number) => {
      const { segment, words } = kept as unknown as Racing;
      while (Array.from({ length: count }, (_, i) => words[i * 64]).includes(0n)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const end = performance.now() + wait; performance.now() < end; );
      segment.unpublish();
      const arrived = Array.from({ length: count }, (_, i) => Number(words[i * 64]));
      words.fill(0xffff_ffff_ffff_ffffn);
      return arrived;
    },
    delayMs,
    IMPORTERS,
  );
}

test(`C-162 C-169 of ${CLOSES.toLocaleString('en')} closes under withdrawal none is a false success`, {
  timeout: 300_000,
}, async () => {
  const exporter = await peer();
  const importers = await Promise.all(Array.from({ length: IMPORTERS }, () => peer()));
  let closes = 0;
  let rounds = 0;
  let falseSuccesses = 0;
  for (; closes < CLOSES || rounds < WITHDRAWALS; rounds += 1) {
    const id = await publishIn(exporter);
    const stored = importers.map((importer, index) => storeIn(importer, id, index, rounds % 2 === 0));
    const arrived = await withdrawIn(exporter, (rounds % 5) / 4);
    for (const [index, good] of (await Promise.all(stored)).entries()) {
      closes += good;
      if (good > arrived[index]!) falseSuccesses += 1;
    }
  }
  console.log(`${closes} closes, ${rounds} withdrawals, ${falseSuccesses} false successes`);
  expect(falseSuccesses).toBe(0);
});

test('C-169 an importer that was stopped across the withdrawal gets no false success', async () => {
  const exporter = await peer();
  const importers = await Promise.all(Array.from({ length: IMPORTERS }, () => peer()));
  const id = await publishIn(exporter);
  const stored = importers.map((importer, index) => storeIn(importer, id, index, true));
  await until(async () => (await arrivedIn(exporter)).every((word) => word > 0));
  await importers[0]!.stop();
  const arrived = await withdrawIn(exporter, 0);
  importers[0]!.resume();
  const good = await Promise.all(stored);
  expect(good[0]!).toBeLessThanOrEqual(arrived[0]!);
  expect(good[1]!).toBeLessThanOrEqual(arrived[1]!);
  // Its store after the withdrawal reached nothing: the exporter's memory is what it wrote there.
  expect(await arrivedIn(exporter)).toEqual([2 ** 64, 2 ** 64]);
});

function arrivedIn(exporter: Peer): Promise<number[]> {
  return exporter.run(({ kept }, count: number) => {
    const { words } = kept as unknown as Racing;
    return Array.from({ length: count }, (_, i) => Number(words[i * 64]));
  }, IMPORTERS);
}

interface Importing {
  segment: import('../../src/api/index.ts').ImportSegment;
  barrier: import('../../src/api/index.ts').Barrier;
}

/** Connects, and closes a barrier well. */
function connectIn(importer: Peer, id: number): Promise<void> {
  return importer.run(async ({ api, kept }, wanted: number) => {
    const here = kept as unknown as Importing;
    here.segment = await api.openController().connect({ id: wanted });
    here.barrier = here.segment.barrier();
    here.barrier.open();
    here.barrier.close();
  }, id);
}

/** What a close says once that file is there; null: once the abort was told. */
function closeAfter(importer: Peer, file: string | null): Promise<string> {
  return importer.run(async ({ kept }, awaited: string | null) => {
    const { existsSync } = process.getBuiltinModule('node:fs');
    const { segment, barrier } = kept as unknown as Importing;
    if (awaited === null) await segment.aborted;
    else while (!existsSync(awaited)) await new Promise((resolve) => setTimeout(resolve, 1));
    try {
      barrier.open();
      barrier.close();
      return 'closed';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }, file);
}

const order = (peer: Peer, what: string): Promise<void> =>
  peer.run((_, path: string) => process.getBuiltinModule('node:fs').accessSync(path), `/crash-point/${what}`);

test('C-169 a close fails before the agent of the importer has heard of the withdrawal', async () => {
  const library = compile('crash/points', ['-shared', '-fPIC']);
  const trace = join(library, '..', 'trace');
  const importer = await peer({ env: { LD_PRELOAD: preloaded(library), RSM_CRASH_TRACE: trace } });
  const exporter = await peer();
  await connectIn(importer, await publishIn(exporter));
  await order(importer, 'park/agent/1/before');
  const unpublished = exporter.run(({ kept }) => (kept as unknown as Racing).segment.unpublish());
  const code = await closeAfter(importer, `${trace}.acted`);
  await order(importer, 'off');
  expect(code).toBe('RSMERR_CONN_ABORTED');
  await unpublished;
});

test('C-169 a close fails after the death of an exporter that had no time to say anything', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  await connectIn(importer, await publishIn(exporter));
  await exporter.kill();
  expect(await closeAfter(importer, null)).toBe('RSMERR_CONN_ABORTED');
});
