/**
 * Others write over everything that they may write, all the time: mailboxes, memory, bells, files. Whoever keeps
 * to the rules works on. RSM_SCRIBBLE_SECONDS is for how long (5).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Controller, ExportSegment, ImportSegment } from '../../src/api/index.ts';
import { randomness, settled, until } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { compile, start } from '../support/program.ts';
import { killed } from '../support/runtime.ts';
import { ALICE, BOB, directory, later, peer, root } from '../support/scene.ts';

const SECONDS = Number(process.env.RSM_SCRIBBLE_SECONDS ?? 5);
/** Everybody's, and that of the two who keep to the rules. */
const OPEN = 0x600300;
const CLOSED = 0x600301;
const scribbler = compile('scribbler');
const files = fileURLToPath(new URL('./programs/file-scribbler.mjs', import.meta.url));

interface Kept {
  controller: Controller;
  segments: ExportSegment[];
  memories: ArrayBuffer[][];
  imports: ImportSegment[];
}

function socketOf(place: string, actor: Peer): string {
  const home = join(place, 'u', String(ALICE));
  const name = readdirSync(home).find((file) => file.startsWith(`${actor.pid}.`) && file.endsWith('.s'));
  return join(home, name!);
}

/** Both segments, open to everybody and to the own user only. */
function exportBoth(actor: Peer): Promise<void> {
  return actor.run(
    ({ api, kept }, ids: number[]) => {
      const held = kept as unknown as Kept;
      held.controller = api.openController();
      held.memories = ids.map(() => [api.allocate(8192), api.allocate(8192)]);
      held.segments = ids.map((id, at) => {
        const segment = held.controller.createExport(held.memories[at]![0]!, { allowRebind: true });
        segment.publish({ id, access: [{ node: 0, permission: at === 0 ? 0o666 : 0o600 }] });
        return segment;
      });
    },
    [OPEN, CLOSED],
  );
}

/** One turn of honest work in the exporter: both memories exchanged, an event to each importer. */
function work(actor: Peer, turn: number): Promise<number[]> {
  return actor.run(({ kept }, which: number) => {
    const { segments, memories } = kept as unknown as Kept;
    return segments.map((segment, at) => {
      const memory = memories[at]![which % 2]!;
      new Uint8Array(memory)[0] = which % 251;
      segment.rebind(memory);
      segment.post();
      return segment.importers;
    });
  }, turn);
}

/** And in the importer: what it reads of the closed segment, and the events it had. */
function follow(actor: Peer, ids: number[], turn: number): Promise<{ seen: number; events: boolean[] }> {
  return actor.run(
    async ({ api, kept }, wanted: number[], value: number) => {
      const held = kept as unknown as Kept;
      held.controller ??= api.openController();
      held.imports ??= wanted.map((id) => held.controller.connectSync({ id, mode: 'rw' }));
      const byte = new Uint8Array(1);
      held.imports[1]!.get(0, byte);
      held.imports[0]!.put(4096, Uint8Array.of(value % 251));
      const events = held.imports.map((segment) => segment.waitSync(value === 0 ? 0 : -1));
      (await held.controller.connect({ id: wanted[0]!, mode: 'r' })).close();
      return { seen: byte[0]!, events };
    },
    ids,
    turn,
  );
}

test.skipIf(!root)('who writes over all it may write stops nobody', { timeout: 300_000 }, async () => {
  const { next } = randomness();
  const place = join(directory, 'scribbled');
  mkdirSync(place);
  chmodSync(place, 0o1777);
  const options = { uid: ALICE, env: { RSM_RUNTIME_DIR: place } };
  const [exporter, importer] = await Promise.all([peer(options), peer(options)]);
  await exportBoth(exporter);
  await follow(importer, [OPEN, CLOSED], 0);
  const before = await settled(exporter.pid);
  const socket = socketOf(place, exporter);
  const scribblers = [ALICE, BOB, BOB].map((uid) => start(scribbler, [socket, OPEN, next(2 ** 31)], uid));
  const writer = spawn(process.execPath, [files, place], {
    uid: BOB,
    gid: BOB,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killed.add(writer.pid!);
  later(() => writer.kill('SIGKILL'));
  await Promise.all([once(writer.stdout!, 'data'), ...scribblers.map((one) => one.line())]);

  let turns = 0;
  for (const end = Date.now() + SECONDS * 1_000; Date.now() < end; ) {
    turns += 1;
    await work(exporter, turns);
    expect(await follow(importer, [OPEN, CLOSED], turns)).toEqual({
      seen: turns % 251,
      events: [true, true],
    });
  }
  expect(writer.exitCode).toBeNull();
  for (const one of scribblers) await one.end();
  await until(async () => (await work(exporter, turns))[0] === 1);
  expect((await settled(exporter.pid)).descriptors).toBe(before.descriptors);
  console.log(`${turns} turns of honest work`);
});
