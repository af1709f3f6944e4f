/** A System V segment stays shared with the programs attached to it, whatever language they are in. */
import { expect, test } from 'vitest';
import { abortedIn, closeImportsIn, type Held, importIn, readIn } from '../support/actors.ts';
import { compile, start } from '../support/program.ts';
import { peer, systemV } from '../support/scene.ts';

const program = compile('system-v');

test('C-031 exporter, importers and a C program share one System V segment, before, during and after', async () => {
  const shmid = systemV(16_384);
  const other = start(program, [shmid]);
  expect(await other.line()).toBe('attached');
  expect(await other.ask('put 4096 7')).toBe('ok');

  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exporter.run(({ api, kept }, segment: number) => {
    const held = kept as unknown as Held;
    held.controller = api.openController();
    held.memories = [api.attachSystemV(segment)];
    held.segment = held.controller.createExport(held.memories[0]!);
    return held.segment.publish();
  }, shmid);
  await importIn(importer, id, 'whole');
  await importIn(importer, id, 'window');
  await importIn(importer, id, 'implicit');
  expect(await readIn(importer)).toEqual([7, 7, 7]);

  expect(await other.ask('put 4096 8')).toBe('ok');
  expect(await readIn(importer)).toEqual([8, 8, 8]);
  await importer.run(({ kept }) => {
    (kept as unknown as Held).views[1]![1] = 9;
    (kept as unknown as Held).imports[2]!.put(8192, new Uint8Array([10]));
  });
  expect(await other.ask('get 4097')).toBe('9');
  expect(await other.ask('get 8192')).toBe('10');
  expect(await exporter.run(({ kept }) => new Uint8Array((kept as unknown as Held).memories[0]!)[8192])).toBe(
    10,
  );

  await exporter.run(({ kept }) => (kept as unknown as Held).segment.close());
  expect(await abortedIn(importer)).toEqual(Array(3).fill('RSMERR_CONN_ABORTED'));
  await importer.run(({ kept }) => (kept as unknown as Held).views[0]!.fill(0x99));
  expect(await other.ask('get 4096'), 'stores after the end go nowhere').toBe('8');
  // The memory is the exporter's and the C program's as before.
  await exporter.run(({ kept }) => new Uint8Array((kept as unknown as Held).memories[0]!).fill(11, 0, 1));
  expect(await other.ask('get 0')).toBe('11');
  await closeImportsIn(importer);
});

test('a read-only importer of System V memory reads by get, and cannot map', async () => {
  const shmid = systemV(8192);
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exporter.run(({ api, kept }, segment: number) => {
    const held = kept as unknown as Held;
    held.controller = api.openController();
    held.memories = [api.attachSystemV(segment)];
    new Uint8Array(held.memories[0]!).fill(5);
    held.segment = held.controller.createExport(held.memories[0]!);
    return held.segment.publish();
  }, shmid);
  await importIn(importer, id, 'none', { mode: 'r' });
  const map = importer.run(({ kept }) => (kept as unknown as Held).imports[0]!.map().byteLength);
  await expect(map).rejects.toMatchObject({ code: 'RSMERR_MAP_FAILED' });
  expect(await readIn(importer)).toEqual([5]);
});
