/**
 * The agent works while JavaScript does not. Every test blocks a thread until something happens that only
 * the blocked process's agent can bring about, so a test that ends has shown it.
 */
import { expect, test } from 'vitest';
import { exportIn, type Held, importersOf, importIn, rebindIn } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { peer } from '../support/scene.ts';

/** Blocks every JavaScript thread of the peer until the first byte of the segment is `value`. */
async function computeUntil(actor: Peer, value: number): Promise<{ done: Promise<unknown> }> {
  await actor.run(async ({ kept }) => {
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const spin = new Worker('for (;;);', { eval: true });
    spin.unref();
    await new Promise((resolve) => spin.once('online', resolve));
    (kept as unknown as { spin: unknown }).spin = spin;
  });
  const done = actor.run(async ({ kept }, wanted: number) => {
    const held = kept as unknown as Held & { spin: import('node:worker_threads').Worker };
    const bytes = held.views?.[0] ?? new Uint8Array(held.memories[0]!);
    while (Atomics.load(bytes, 0) !== wanted);
    await held.spin.terminate();
  }, value);
  return { done };
}

test('an exporter that computes serves connects', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  const { done } = await computeUntil(exporter, 0x77);
  await importIn(importer, id, 'whole');
  await importIn(importer, id, 'none');
  await importer.run(({ kept }) => {
    (kept as unknown as Held).views[0]!.fill(0x77);
  });
  await done;
  expect(await importersOf(exporter)).toBe(2);
});

test('an exporter blocked in waitSync serves connects, and the event of the importer ends the wait', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  const waiting = exporter.run(({ kept }) => (kept as unknown as Held).segment.waitSync(-1));
  await importIn(importer, id, 'none');
  await importer.run(({ kept }) => (kept as unknown as Held).imports[0]!.post());
  expect(await waiting).toBe(true);
});

test('an importer that computes follows a rebind, and acknowledges it', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  await importIn(importer, id, 'whole');
  const { done } = await computeUntil(importer, 0x22);
  await rebindIn(exporter, 1);
  await done;
  expect(await importersOf(exporter)).toBe(1);
});

test('an importer blocked in waitSync follows a rebind', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  await importIn(importer, id, 'whole');
  const seen = importer.run(({ kept }) => {
    const { imports, views } = kept as unknown as Held;
    imports[0]!.waitSync(-1);
    return views[0]![0];
  });
  await rebindIn(exporter, 1);
  await exporter.run(({ kept }) => (kept as unknown as Held).segment.post());
  expect(await seen).toBe(0x22);
  expect(await importersOf(exporter)).toBe(1);
});

test.each(['close', 'SIGKILL'] as const)(
  'C-042 an importer that computes is aborted by %s',
  async (manner) => {
    const [exporter, importer] = await Promise.all([peer(), peer()]);
    const id = await exportIn(exporter);
    await importIn(importer, id, 'whole');
    const aborted = importer.run(({ kept }) => {
      const segment = (kept as unknown as Held).imports[0]!;
      while (segment.connected);
      return segment.connected;
    });
    if (manner === 'SIGKILL') await exporter.kill();
    else await exporter.run(({ kept }) => (kept as unknown as Held).segment.close());
    expect(await aborted).toBe(false);
  },
);

test('C-045 once close has returned, nothing that a computing importer stores arrives', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  await importIn(importer, id, 'whole');
  const stored = importer.run(({ kept }) => {
    const { imports, views } = kept as unknown as Held;
    let after = 0;
    for (const end = Date.now() + 1_000; Date.now() < end; ) {
      views[0]!.fill(0x99);
      if (!imports[0]!.connected) after += 1;
    }
    return after;
  });
  const changed = await exporter.run(async ({ kept }) => {
    const { segment, memories } = kept as unknown as Held;
    const bytes = new Uint8Array(memories[0]!);
    while (Atomics.load(bytes, 0) !== 0x99);
    segment.close();
    bytes.fill(0x11);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return bytes.some((byte) => byte !== 0x11);
  });
  expect(changed).toBe(false);
  expect(await stored, 'stores after the end').toBeGreaterThan(0);
});
