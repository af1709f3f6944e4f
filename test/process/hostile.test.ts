/** Whoever does not speak the protocol costs its own connection, and nobody else's. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  exportIn,
  importersOf,
  importIn,
  putIn,
  readIn,
  rebindIn,
  settled,
  until,
} from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { compile, start } from '../support/program.ts';
import { directory, peer } from '../support/scene.ts';

const hostile = compile('hostile');

/** The socket of a peer's agent. */
function socketOf(actor: Peer): string {
  const users = join(directory, 'u');
  for (const user of readdirSync(users)) {
    const name = readdirSync(join(users, user)).find(
      (file) => file.startsWith(`${actor.pid}.`) && file.endsWith('.s'),
    );
    if (name !== undefined) return join(users, user, name);
  }
  throw new Error('the peer has no socket');
}

const MISBEHAVIOUR = ['silent', 'half', 'size', 'magic', 'version', 'type', 'permission'];

test.each(MISBEHAVIOUR)('a peer that sends %s is closed or refused; nobody else notices', async (what) => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  await importIn(importer, id, 'whole');
  const before = await settled(exporter.pid);

  const answer = await start(hostile, [socketOf(exporter), id, what]).rest();

  expect(answer).toHaveLength(1);
  expect(answer[0]).toMatch(/^closed$|^refused \d+$/);
  expect(await putIn(importer, 0x33)).toEqual(['done']);
  await rebindIn(exporter, 1);
  expect(await readIn(importer)).toEqual([0x22]);
  await importIn(importer, id, 'whole');
  expect(await importersOf(exporter)).toBe(2);
  await importer.exit();
  await until(async () => (await importersOf(exporter)) === 0);
  expect((await settled(exporter.pid)).descriptors).toBeLessThanOrEqual(before.descriptors);
});

test('descriptors that a peer sends with its request are never taken in', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  const attack = async (): Promise<void> => {
    const [answer] = await start(hostile, [socketOf(exporter), id, 'descriptors']).rest();
    expect(answer).toMatch(/^(closed|accepted)$|^refused \d+$/);
    await until(async () => (await importersOf(exporter)) === 0);
  };
  // The first connection makes what the exporter keeps.
  await attack();
  const before = await settled(exporter.pid);
  for (let i = 0; i < 20; i += 1) await attack();
  expect((await settled(exporter.pid)).descriptors).toBe(before.descriptors);
});

test('connections that never ask are few at a time and closed in the end; a connect gets through', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  const before = await settled(exporter.pid);
  const flood = start(hostile, [socketOf(exporter), id, 'flood']);
  expect(await flood.line()).toBe('closed 300');
  await importIn(importer, id, 'whole');
  expect(await putIn(importer, 0x33)).toEqual(['done']);
  await importer.exit();
  await until(async () => (await settled(exporter.pid)).descriptors <= before.descriptors);
});
