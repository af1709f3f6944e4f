/** SIGKILL at random moments of busy exporters and importers. RSM_SEED repeats a run's choices. */
import { expect, test } from 'vitest';
import {
  abortedIn,
  closeImportsIn,
  collectIn,
  exportIn,
  type Held,
  importersOf,
  importIn,
  putIn,
  randomness,
  settled,
  until,
} from '../support/actors.ts';
import { leftovers } from '../support/runtime.ts';
import { directory, peer } from '../support/scene.ts';

const ID = 0x600002;
const KILLS = 12;
const BUSY_MS = 60;

const pause = (timeMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, timeMs));

test('C-030 C-161 an exporter killed at any moment: aborted, touchable, the id free, nothing left', async () => {
  const { next } = randomness();
  const importer = await peer();
  let first: { descriptors: number; threads: number } | undefined;
  for (let round = 0; round < KILLS; round += 1) {
    const exporter = await peer();
    await exportIn(exporter, { id: ID, pages: 64 });
    await importIn(importer, ID, 'whole');
    await importIn(importer, ID, 'none');
    await exporter.run(({ kept }) => {
      const { segment, memories } = kept as unknown as Held;
      let turn = 0;
      const work = (): void => {
        turn += 1;
        segment.rebind(memories[turn % 2]!);
        segment.post();
        if (turn % 50 === 0) segment.republish([]);
        setImmediate(work);
      };
      setImmediate(work);
    });
    await pause(next(BUSY_MS));
    await exporter.kill();

    expect(await abortedIn(importer)).toEqual(['RSMERR_CONN_ABORTED', 'RSMERR_CONN_ABORTED']);
    expect(await putIn(importer, 9)).toEqual(['RSMERR_CONN_ABORTED', 'RSMERR_CONN_ABORTED']);
    await closeImportsIn(importer);
    await collectIn(importer);
    const { descriptors, threads } = await settled(importer.pid);
    first ??= { descriptors, threads };
    expect({ descriptors, threads }).toEqual(first);
  }
  const last = await peer();
  expect(await exportIn(last, { id: ID })).toBe(ID);
  await last.exit();
  expect(leftovers(directory).claims).toEqual([]);
});

test('C-116 C-202 importers killed at any moment never disturb the exporter', async () => {
  const { next } = randomness();
  const exporter = await peer();
  await exportIn(exporter, { id: ID, pages: 64 });
  const survivor = await peer();
  await importIn(survivor, ID, 'whole');
  await exporter.run(({ kept }) => {
    const held = kept as unknown as Held & { turns: number; failures: string[]; done: boolean };
    held.turns = 0;
    held.failures = [];
    const work = (): void => {
      try {
        held.turns += 1;
        held.segment.rebind(held.memories[held.turns % 2]!);
        held.segment.post({ accumulate: false });
      } catch (error) {
        held.failures.push(String(error));
      }
      if (!held.done) setTimeout(work, 0);
    };
    work();
  });
  await until(async () => (await importersOf(exporter)) === 1);
  const before = await settled(exporter.pid);
  for (let round = 0; round < KILLS; round += 1) {
    const importer = await peer();
    await importer.run(({ api, kept }, id: number) => {
      const held = kept as unknown as Held;
      held.controller = api.openController();
      const work = (): void => {
        const segment = held.controller.connectSync({ id, mode: 'rw' });
        const view = new Uint8Array(segment.map());
        view[0] = 0x11;
        segment.put(4096, view.subarray(0, 64));
        segment.post();
        segment.close();
        setImmediate(work);
      };
      setImmediate(work);
    }, ID);
    await pause(next(BUSY_MS));
    await importer.kill();
  }
  await until(async () => (await importersOf(exporter)) === 1);
  const failures = await exporter.run(({ kept }) => {
    const held = kept as unknown as { failures: string[]; done: boolean };
    held.done = true;
    return held.failures;
  });
  expect(failures).toEqual([]);
  await until(async () => (await settled(exporter.pid)).descriptors === before.descriptors);
  expect((await settled(exporter.pid)).threads).toBe(before.threads);
  expect(await putIn(survivor, 0x11)).toEqual(['done']);
});
