/**
 * vm.overcommit_memory=2: the kernel promises no more than it has. It counts for the whole machine, and programs that
 * map much more than they use do not start meanwhile: this runs with RSM_NIGHTLY=1 only, as root.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Controller, ImportSegment } from '../../src/api/index.ts';
import { exportIn } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { compile, preloaded } from '../support/program.ts';
import { peer, root } from '../support/scene.ts';

const asked = process.env.RSM_NIGHTLY === '1' && root;
const MODE = '/proc/sys/vm/overcommit_memory';
const RESERVE = '/proc/sys/vm/user_reserve_kbytes';
/** Its 32nd part is more than any limit. */
const GIBIBYTES = 16 * 1024;

/** Nothing can be had any more in that process, until `body` is over; others have what they had. */
async function withoutMemory<T>(actor: Peer, body: () => Promise<T>): Promise<T> {
  const [mode, reserve] = [MODE, RESERVE].map((file) => readFileSync(file, 'utf8'));
  try {
    writeFileSync(RESERVE, String(1024 ** 4));
    writeFileSync(MODE, '2');
    await actor.run((_, size: number) => {
      process.getBuiltinModule('node:fs').accessSync(`/reserve/${size}`);
    }, GIBIBYTES);
    return await body();
  } finally {
    writeFileSync(MODE, mode!);
    writeFileSync(RESERVE, reserve!);
  }
}

/** What an importer keeps: a connection with its mapping. */
interface Held {
  controller: Controller;
  segment: ImportSegment;
  view: Uint8Array;
}

/** A process that has nothing left when told so, connected to the segment. */
async function importerOf(id: number): Promise<Peer> {
  const actor = await peer({ env: { LD_PRELOAD: preloaded(compile('reserve', ['-shared', '-fPIC'])) } });
  await actor.run(({ api, kept }, wanted: number) => {
    const controller = api.openController();
    const segment = controller.connectSync({ id: wanted, mode: 'rw' });
    Object.assign(kept, { controller, segment, view: new Uint8Array(segment.map()) });
  }, id);
  return actor;
}

test.runIf(asked)('strict overcommit: what finds no memory says so, what is there works', async () => {
  const id = await exportIn(await peer());
  const actor = await importerOf(id);
  const attempts = (): Promise<Record<string, string>> =>
    actor.run(({ api, kept }, wanted: number) => {
      const { controller, segment, view } = kept as unknown as Held;
      const codeOf = (call: () => unknown): string => {
        try {
          call();
          return 'done';
        } catch (error) {
          return (error as { code?: string }).code ?? String(error);
        }
      };
      return {
        allocate: codeOf(() => api.allocate(4096)),
        connect: codeOf(() => controller.connectSync({ id: wanted, mode: 'r' }).close()),
        put: codeOf(() => segment.put(0, new Uint8Array(8))),
        store: codeOf(() => view.fill(3)),
      };
    }, id);
  expect(await withoutMemory(actor, attempts)).toEqual({
    allocate: 'RSMERR_INSUFFICIENT_MEM',
    connect: 'RSMERR_INSUFFICIENT_RESOURCES',
    put: 'done',
    store: 'done',
  });
  expect(await attempts()).toEqual({ allocate: 'done', connect: 'done', put: 'done', store: 'done' });
});

test.runIf(asked)(
  'C-161 strict overcommit: an aborted mapping is touchable when there is no memory',
  async () => {
    const exporter = await peer();
    const actor = await importerOf(await exportIn(exporter, { pages: 4_096 }));
    const found = await withoutMemory(actor, async () => {
      await exporter.kill();
      return actor.run(async ({ kept }) => {
        const { segment, view } = kept as unknown as Held;
        const { code } = await segment.aborted;
        let zeros = 0;
        for (const byte of view) if (byte === 0) zeros += 1;
        view.fill(1);
        return { code, zeros, last: view.at(-1) };
      });
    });
    expect(found).toEqual({ code: 'RSMERR_CONN_ABORTED', zeros: 4_096 * 4_096, last: 1 });
  },
);
