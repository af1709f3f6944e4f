/** Rebind is transparent: whoever is connected, however mapped, wherever, and whatever it is doing. */
import { expect, test } from 'vitest';
import {
  exportIn,
  type Held,
  importersOf,
  importIn,
  type Mapping,
  memoriesIn,
  putIn,
  readIn,
  rebindIn,
} from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { peer } from '../support/scene.ts';

const MAPPINGS: Mapping[] = ['whole', 'window', 'implicit', 'none'];

/** The byte at the start of the second page through each mapping; get where there is none. */
function seenIn(actor: Peer): Promise<number[]> {
  return actor.run(({ kept }) => {
    const { imports, views } = kept as unknown as Held;
    return imports.map((segment, index) => {
      const view = views[index]!;
      if (view.length > 0) return view[view.length - 4096]!;
      const byte = new Uint8Array(1);
      segment.get(4096, byte);
      return byte[0]!;
    });
  });
}

test.each(['the same process', 'another process'])(
  'C-050 … C-053 importers in %s see the new memory',
  async (where) => {
    const exporter = await peer();
    const importer = where === 'the same process' ? exporter : await peer();
    const id = await exportIn(exporter);
    for (const mapping of MAPPINGS) await importIn(importer, id, mapping);
    expect(await seenIn(importer)).toEqual(Array(4).fill(0x11));

    await rebindIn(exporter, 1);

    expect(await seenIn(importer)).toEqual(Array(4).fill(0x22));
    expect(await readIn(importer)).toEqual(Array(4).fill(0x22));
    expect(await putIn(importer, 0x33)).toEqual(Array(4).fill('done'));
    // What they store arrives in the new memory; the old range keeps its bytes and is the exporter's own.
    expect(await memoriesIn(exporter)).toEqual([
      [0x11, 0x11],
      [0x33, 0x33],
    ]);
    await rebindIn(exporter, 0);
    expect(await seenIn(importer)).toEqual(Array(4).fill(0x11));
    const late = await peer();
    await importIn(late, id);
    expect(await seenIn(late)).toEqual([0x11]);
  },
);

test('C-049 C-052 32 importers in four processes follow every one of ten rebinds', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  const importers = await Promise.all([peer(), peer(), peer(), peer()]);
  await Promise.all(
    importers.map((importer, index) => importIn(importer, id, MAPPINGS[index]!, { count: 8 })),
  );
  expect(await importersOf(exporter)).toBe(32);
  for (let turn = 1; turn <= 10; turn += 1) {
    await rebindIn(exporter, (turn % 2) as 0 | 1);
    const expected = Array(8).fill(turn % 2 === 1 ? 0x22 : 0x11);
    for (const importer of importers) expect(await seenIn(importer)).toEqual(expected);
  }
  expect(await importersOf(exporter)).toBe(32);
});

/** Rebinds back and forth until the importer has seen enough; the importer's thread never yields. */
async function rebindUnder(exporter: Peer, work: Promise<unknown>): Promise<number> {
  let running = true;
  void work.finally(() => {
    running = false;
  });
  let turns = 0;
  while (running) {
    turns += 1;
    await rebindIn(exporter, (turns % 2) as 0 | 1);
  }
  return turns;
}

test('C-060 a running reader sees old or new bytes and nothing else', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter, { pages: 16 });
  await importIn(importer, id, 'whole');
  const reading = importer.run(({ kept }) => {
    const { views, imports } = kept as unknown as Held;
    const view = views[0]!;
    const block = new Uint8Array(4096);
    let foreign = 0;
    let switches = 0;
    let last = 0x11;
    while (switches < 100) {
      for (let at = 0; at < view.length; at += 64) {
        const byte = view[at]!;
        if (byte !== 0x11 && byte !== 0x22) foreign += 1;
      }
      imports[0]!.get(8192, block);
      if (block.some((byte) => byte !== 0x11 && byte !== 0x22)) foreign += 1;
      const now = Atomics.load(view, 0);
      if (now !== last) switches += 1;
      last = now;
    }
    return { foreign, connected: imports[0]!.connected };
  });
  const turns = await rebindUnder(exporter, reading);
  expect(await reading).toEqual({ foreign: 0, connected: true });
  expect(turns).toBeGreaterThanOrEqual(100);
});

test('C-050 C-060 a running writer: every store lands in the old or in the new memory, none is lost', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter, { fill: [0, 0] });
  await importIn(importer, id, 'whole');
  const writing = importer.run(({ kept }) => {
    const { views, imports } = kept as unknown as Held;
    const words = new Int32Array(views[0]!.buffer);
    let done = 0;
    const end = Date.now() + 1_000;
    while (Date.now() < end) {
      for (let i = 0; i < 1_000; i += 1) Atomics.add(words, 0, 1);
      done += 1_000;
    }
    return { done, connected: imports[0]!.connected };
  });
  await rebindUnder(exporter, writing);
  const { done, connected } = await writing;
  const landed = await exporter.run(({ kept }) =>
    (kept as unknown as Held).memories.map((memory) => new Int32Array(memory)[0]!),
  );
  expect(connected).toBe(true);
  expect(landed[0]! + landed[1]!).toBe(done);
  expect(Math.min(...landed), 'both memories were written').toBeGreaterThan(0);
});

test('a stopped importer does not hold up a rebind for ever and is aborted; a busy one never', async () => {
  const [exporter, stopped, busy] = await Promise.all([peer(), peer(), peer()]);
  const id = await exportIn(exporter);
  await importIn(stopped, id, 'whole');
  await importIn(busy, id, 'whole');
  await stopped.stop();
  // This one's only thread computes until it sees the new memory.
  const seen = busy.run(({ kept }) => {
    const view = (kept as unknown as Held).views[0]!;
    while (Atomics.load(view, 0) !== 0x22);
    return (kept as unknown as Held).imports[0]!.connected;
  });
  await rebindIn(exporter, 1);
  expect(await seen).toBe(true);
  expect(await importersOf(exporter)).toBe(1);
  expect(await putIn(busy, 0x33)).toEqual(['done']);

  stopped.resume();
  expect(await putIn(stopped, 0x44)).toEqual(['RSMERR_CONN_ABORTED']);
  expect(await memoriesIn(exporter)).toEqual([
    [0x11, 0x11],
    [0x33, 0x33],
  ]);
});
