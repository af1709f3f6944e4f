/** What read-only and withdrawn mean to those who do not ask this library first. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { abortedIn, exportIn, type Held, importIn, memoriesIn, rebindIn } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { compile, start } from '../support/program.ts';
import { ALICE, BOB, directory, peer, root } from '../support/scene.ts';

const hostile = compile('hostile');
const INTACT = [
  [0x11, 0x11],
  [0x22, 0x22],
];

function socketOf(actor: Peer, uid: number): string {
  const user = join(directory, 'u', String(uid));
  const name = readdirSync(user).find((file) => file.startsWith(`${actor.pid}.`) && file.endsWith('.s'));
  return join(user, name!);
}

test.skipIf(!root)(
  'C-121 a read-only importer cannot write by put, nor by a store to its mapping',
  async () => {
    const exporter = await peer({ uid: ALICE });
    const importer = await peer({ uid: BOB });
    const id = await exportIn(exporter, { permission: 0o444 });
    await importIn(importer, id, 'whole', { mode: 'r' });
    const put = importer.run(({ kept }) => {
      const { imports, views } = kept as unknown as Held;
      views[0]!.fill(0x99);
      imports[0]!.put(0, new Uint8Array([0x99]));
    });
    await expect(put).rejects.toMatchObject({ code: 'RSMERR_PERM_DENIED' });
    await expect(importIn(importer, id, 'none', { mode: 'rw' })).rejects.toMatchObject({
      code: 'RSMERR_PERM_DENIED',
    });
    expect(await memoriesIn(exporter)).toEqual(INTACT);
  },
);

test.skipIf(!root)(
  'another user cannot write with a read-only descriptor, however it is opened',
  async () => {
    const exporter = await peer({ uid: ALICE });
    const id = await exportIn(exporter, { permission: 0o444 });
    const said = await start(hostile, [socketOf(exporter, ALICE), id, 'attack', '400'], BOB).rest();
    expect(said).toHaveLength(12);
    expect(said.filter((line) => line.endsWith('worked'))).toEqual([]);
    expect(await memoriesIn(exporter)).toEqual(INTACT);
  },
);

test.skipIf(!root)('the same user cannot either when the segment was created readOnly', async () => {
  const exporter = await peer({ uid: ALICE });
  const id = await exportIn(exporter, { permission: 0o444, readOnly: true });
  const said = await start(hostile, [socketOf(exporter, ALICE), id, 'attack', '400'], ALICE).rest();
  const changing = said.filter((line) => !line.includes('chmod'));
  expect(changing).toHaveLength(10);
  expect(changing.filter((line) => line.endsWith('worked'))).toEqual([]);
  // The exporter itself writes as before.
  await exporter.run(({ kept }) => new Uint8Array((kept as unknown as Held).memories[0]!).fill(0x55));
  const importer = await peer({ uid: ALICE });
  await importIn(importer, id, 'whole', { mode: 'r' });
  expect(await importer.run(({ kept }) => (kept as unknown as Held).views[0]![0])).toBe(0x55);
});

test('any write permission in the access list of a readOnly segment is BAD_ACL', async () => {
  const exporter = await peer();
  await expect(exportIn(exporter, { permission: 0o644, readOnly: true })).rejects.toMatchObject({
    code: 'RSMERR_BAD_ACL',
  });
});

test.skipIf(!root).each(['keep', 'mute'])(
  'C-045 another user that kept its descriptor (%s) cannot reach withdrawn memory',
  async (how) => {
    const exporter = await peer({ uid: ALICE });
    const id = await exportIn(exporter, { permission: 0o666 });
    const thief = start(hostile, [socketOf(exporter, ALICE), id, how, '600'], BOB);
    expect(await thief.line()).toBe('ready');
    expect(await thief.ask(), 'while connected it is as entitled as anybody').toBe('17 17 wrote');
    await exporter.run(({ kept }) => new Uint8Array((kept as unknown as Held).memories[0]!).fill(0x11));

    await exporter.run(({ kept }) => (kept as unknown as Held).segment.unpublish());

    // Zeroes: the pages it holds are no longer the exporter's, and what it writes there is its own affair.
    expect(await thief.ask()).toBe('0 0 wrote');
    expect(await memoriesIn(exporter)).toEqual(INTACT);
    await exporter.run(({ kept }) => new Uint8Array((kept as unknown as Held).memories[0]!).fill(0x66));
    expect(await thief.ask()).not.toContain(String(0x66));
    expect(await exporter.run(({ kept }) => (kept as unknown as Held).segment.publish() > 0)).toBe(true);
  },
);

test('a peer that dies without having acknowledged a rebind does not hold it up', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  const honest = await peer();
  await importIn(honest, id, 'whole');
  const mute = start(hostile, [socketOf(exporter, process.getuid!()), id, 'mute', '600']);
  expect(await mute.line()).toBe('ready');
  setTimeout(() => void mute.end(), 1_000);
  await rebindIn(exporter, 1);
  expect(await memoriesIn(exporter)).toEqual(INTACT);
  expect(await honest.run(({ kept }) => (kept as unknown as Held).views[0]![0])).toBe(0x22);
  await exporter.run(({ kept }) => (kept as unknown as Held).segment.close());
  expect(await abortedIn(honest)).toEqual(['RSMERR_CONN_ABORTED']);
});
