/** The ways a segment or a process ends, and what is left afterwards. Crashes at random: kill-loop.test.ts. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  abortedIn,
  closeImportsIn,
  collectIn,
  exportIn,
  type Held,
  importersOf,
  importIn,
  memoriesIn,
  putIn,
  readIn,
  settled,
  signalTo,
  until,
} from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { leftovers } from '../support/runtime.ts';
import { directory, peer } from '../support/scene.ts';

const ID = 0x600001;

type Manner = 'destroy' | 'unpublish' | 'exit' | 'process.exit' | 'exception' | 'SIGTERM' | 'SIGKILL';
const MANNERS: Manner[] = ['destroy', 'unpublish', 'exit', 'process.exit', 'exception', 'SIGTERM', 'SIGKILL'];
const OF_PROCESSES: Manner[] = MANNERS.slice(2);
const BY_ITSELF: Manner[] = ['exit', 'process.exit', 'exception'];

async function end(actor: Peer, manner: Manner): Promise<void> {
  if (manner === 'destroy') return await actor.run(({ kept }) => (kept as unknown as Held).segment.close());
  if (manner === 'unpublish')
    return await actor.run(({ kept }) => (kept as unknown as Held).segment.unpublish());
  if (manner === 'SIGTERM' || manner === 'SIGKILL') return await signalTo(actor, manner);
  if (manner === 'exit') return void (await actor.exit());
  await actor.run((_, how: string) => {
    setTimeout(() => {
      if (how === 'process.exit') process.exit(3);
      throw new Error('an exception nobody catches');
    }, 0);
  }, manner);
  await until(() => actor.process.exitCode !== null);
}

/** The mappings of memory objects, scratch pages among them, without what is the engine's. */
function memoryObjectsOf(pid: number): string[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.filter((line) => line.includes('/memfd:')).map((line) => line.split(/\s+/).slice(1).join(' '));
}

/** The files of a process in the runtime directory. */
function filesOf(pid: number): string[] {
  const { claims, records } = leftovers(directory);
  return [...claims, ...records].filter(
    (path) => path.includes(`/${pid}.`) || path.endsWith(ID.toString(16)),
  );
}

test.each(MANNERS)(
  'C-030 C-042 C-161 the exporter ends by %s: importers are aborted, nothing is left',
  async (manner) => {
    const [exporter, importer, successor] = await Promise.all([peer(), peer(), peer()]);
    await exportIn(exporter, { id: ID });
    for (const mapping of ['whole', 'window', 'implicit', 'none'] as const)
      await importIn(importer, ID, mapping);
    expect(await putIn(importer, 0x33)).toEqual(['done', 'done', 'done', 'done']);

    await end(exporter, manner);

    if (BY_ITSELF.includes(manner)) expect(filesOf(exporter.pid), 'files of the ended process').toEqual([]);
    expect(await abortedIn(importer)).toEqual(Array(4).fill('RSMERR_CONN_ABORTED'));
    // Stores through the mappings neither fault nor arrive; the exporter's memory keeps its last contents.
    expect(await putIn(importer, 0x44)).toEqual(Array(4).fill('RSMERR_CONN_ABORTED'));
    if (manner === 'destroy' || manner === 'unpublish') {
      expect(await memoriesIn(exporter)).toEqual([
        [0x33, 0x33],
        [0x22, 0x22],
      ]);
    }
    expect(await successor.connectCode(ID)).toBe(7);
    expect(await exportIn(successor, { id: ID })).toBe(ID);
    expect(await successor.connectCode(ID)).toBe(0);
    expect(await putIn(importer, 0x55), 'an aborted import never comes back').toEqual(
      Array(4).fill('RSMERR_CONN_ABORTED'),
    );
    expect(await memoriesIn(successor)).toEqual([
      [0x11, 0x11],
      [0x22, 0x22],
    ]);
    const kept = filesOf(exporter.pid).filter((path) => path.includes(`/${exporter.pid}.`));
    if (OF_PROCESSES.includes(manner)) expect(kept, 'the next process has tidied up').toEqual([]);
    await successor.exit();
    expect(filesOf(successor.pid)).toEqual([]);
    expect(readFileSync(`/proc/${importer.pid}/maps`, 'utf8'), 'nothing with a name').not.toContain(
      '/dev/shm/',
    );
  },
);

test.each(OF_PROCESSES)(
  'C-116 C-202 an importer ends by %s: it is as if it had disconnected',
  async (manner) => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    const other = await peer();
    await importIn(other, id);
    const before = await settled(exporter.pid);
    const objectsBefore = memoryObjectsOf(exporter.pid);
    const importer = await peer();
    await importIn(importer, id, 'whole');
    await importIn(importer, id, 'implicit');
    await until(async () => (await importersOf(exporter)) === 3);

    await end(importer, manner);

    await until(async () => (await importersOf(exporter)) === 1);
    const after = await settled(exporter.pid);
    expect(after.descriptors).toBe(before.descriptors);
    expect(after.threads).toBe(before.threads);
    expect(memoryObjectsOf(exporter.pid)).toEqual(objectsBefore);
    await exporter.run(({ kept }) => {
      const { segment, memories } = kept as unknown as Held;
      segment.post();
      segment.republish([]);
      segment.rebind(memories[1]!);
    });
    expect(await readIn(other)).toEqual([0x22]);
    await other.run(({ kept }) => (kept as unknown as Held).imports[0]!.wait());
    await end(exporter, 'unpublish');
    expect(await abortedIn(other)).toEqual(['RSMERR_CONN_ABORTED']);
  },
);

test.each(['unpublish', 'SIGKILL'] as const)(
  'an importer that closes after %s keeps nothing',
  async (manner) => {
    const importer = await peer();
    const first = await peer();
    const id = await exportIn(first);
    // The first connection starts the agent and opens the node; both stay.
    await importIn(importer, id);
    await closeImportsIn(importer);
    await collectIn(importer);
    const before = await settled(importer.pid);
    const objectsBefore = memoryObjectsOf(importer.pid);
    for (const mapping of ['whole', 'window', 'implicit', 'none'] as const)
      await importIn(importer, id, mapping);
    await putIn(importer, 1);
    await end(first, manner);
    await abortedIn(importer);
    await closeImportsIn(importer);
    await collectIn(importer);
    const after = await settled(importer.pid);
    expect(after.descriptors).toBe(before.descriptors);
    expect(after.threads).toBe(before.threads);
    expect(memoryObjectsOf(importer.pid)).toEqual(objectsBefore);
  },
);

test('C-030 C-076 the id is in use until its process exits, and free at once', async () => {
  const [exporter, other] = await Promise.all([peer(), peer()]);
  await exportIn(exporter, { id: ID });
  await expect(exportIn(other, { id: ID })).rejects.toMatchObject({ code: 'RSMERR_SEGID_IN_USE' });
  await exporter.exit();
  expect(await exportIn(other, { id: ID })).toBe(ID);
});
