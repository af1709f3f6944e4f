/** The limits of a node, over processes that come, go and are killed. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ExportSegment, ImportSegment } from '../../src/api/index.ts';
import { snapshot } from '../../src/observe/index.ts';
import type { Peer } from '../support/peer.ts';
import { ALICE, directory, file, later, peer, root } from '../support/scene.ts';

const CHUNK = 16 << 20;
const FULL = 'RSMERR_INSUFFICIENT_RESOURCES';
const NO_MEMORY = 'RSMERR_INSUFFICIENT_MEM';

interface Kept {
  exports: ExportSegment[];
  imports: ImportSegment[];
}

function limited(limits: string, env: Record<string, string> = {}): Promise<Peer> {
  return peer({ env: { RSM_CONFIG: file(`[limits]\n${limits}\n`), ...env } });
}

/** Makes up to `count` exports of one range; how many it got, and the code that ended it. */
function makeIn(where: Peer, count: number, bytes = 4096): Promise<{ made: number; code: string }> {
  return where.run(
    ({ api, kept }, most: number, length: number) => {
      const held = kept as unknown as Kept;
      held.exports ??= [];
      const controller = api.openController();
      const memory = api.allocate(length);
      let made = 0;
      let code = '';
      try {
        for (; made < most; made += 1)
          held.exports.push(controller.createExport(memory, { allowRebind: true }));
      } catch (error) {
        code = (error as { code: string }).code;
      }
      controller.close();
      return { made, code };
    },
    count,
    bytes,
  );
}

function closeIn(where: Peer, count: number): Promise<void> {
  return where.run(({ kept }, number: number) => {
    for (const segment of (kept as unknown as Kept).exports.splice(0, number)) segment.close();
  }, count);
}

function publishIn(where: Peer): Promise<number> {
  return where.run(({ kept }) => (kept as unknown as Kept).exports[0]!.publish());
}

/** Connects up to `count` times; the same. */
function connectIn(where: Peer, id: number, count: number): Promise<{ made: number; code: string }> {
  return where.run(
    async ({ api, kept }, target: number, most: number) => {
      const held = kept as unknown as Kept;
      held.imports ??= [];
      const controller = api.openController();
      let made = 0;
      let code = '';
      try {
        for (; made < most; made += 1) {
          const one = { id: target };
          held.imports.push(made % 2 ? controller.connectSync(one) : await controller.connect(one));
        }
      } catch (error) {
        code = (error as { code: string }).code;
      }
      controller.close();
      return { made, code };
    },
    id,
    count,
  );
}

const reserved = (): number[] => snapshot(directory).participants.map((each) => each.reserved.segments);

describe('max-segments', () => {
  test('C-027 counts export and import segments of all processes, and what is closed is free again', async () => {
    const [one, other] = [await limited('max-segments = 5'), await limited('max-segments = 5')];
    expect(await makeIn(one, 3)).toEqual({ made: 3, code: '' });
    const id = await publishIn(one);
    expect(await connectIn(other, id, 9)).toEqual({ made: 2, code: FULL });
    expect(await makeIn(one, 1)).toEqual({ made: 0, code: FULL });
    await other.run(({ kept }) => (kept as unknown as Kept).imports.pop()!.close());
    expect(await makeIn(one, 9)).toEqual({ made: 1, code: FULL });
    expect(reserved().sort()).toEqual([1, 4]);
  });

  test('C-027 what a killed process had is free again', async () => {
    const [one, other] = [await limited('max-segments = 5'), await limited('max-segments = 5')];
    expect(await makeIn(one, 4)).toEqual({ made: 4, code: '' });
    expect(await makeIn(other, 9)).toEqual({ made: 1, code: FULL });
    await one.kill();
    expect(await makeIn(other, 9)).toEqual({ made: 4, code: FULL });
  });

  test('is never exceeded by processes that race', async () => {
    const racers = await Promise.all([1, 2, 3].map(() => limited('max-segments = 20')));
    const made = await Promise.all(racers.map((racer) => makeIn(racer, 15)));
    expect(made.reduce((sum, each) => sum + each.made, 0)).toBe(20);
    expect(made.filter(({ code }) => code === FULL).length).toBeGreaterThanOrEqual(2);
  });

  test('a failed create and a failed connect take nothing', async () => {
    const one = await limited('max-segments = 2');
    const codes = await one.run(async ({ api }) => {
      const controller = api.openController();
      const bad = [
        () => controller.createExport(new ArrayBuffer(4096)),
        () => controller.connectSync({ id: 0x400000 }),
        () => controller.connect({ id: 0x400000 }),
      ];
      const found: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        for (const attempt of bad) {
          try {
            await attempt();
          } catch (error) {
            found.push((error as { code: string }).code);
          }
        }
      }
      controller.close();
      return found;
    });
    expect([...new Set(codes)]).toEqual(['RSMERR_BAD_ADDR', 'RSMERR_SEG_NOT_PUBLISHED']);
    expect(await makeIn(one, 9)).toEqual({ made: 2, code: FULL });
  });

  test('a large pool is reserved in advance, in proportion, and given back', async () => {
    const one = await peer();
    expect(await makeIn(one, 1)).toEqual({ made: 1, code: '' });
    expect(reserved()).toEqual([2]);
    expect(await makeIn(one, 99)).toEqual({ made: 99, code: '' });
    expect(reserved()[0]).toBeGreaterThanOrEqual(100);
    expect(reserved()[0]).toBeLessThanOrEqual(200);
    await closeIn(one, 99);
    expect(reserved()[0]).toBeLessThanOrEqual(3);
    expect(await makeIn(one, 1)).toEqual({ made: 1, code: '' });
  });

  test('the last segments of a large pool can be had', async () => {
    const one = await limited('max-segments = 4100');
    expect(await makeIn(one, 5000)).toEqual({ made: 4100, code: FULL });
    await closeIn(one, 4100);
    expect(await makeIn(one, 1)).toEqual({ made: 1, code: '' });
  });

  test('counts the segments of workers, and those of a worker that ended no more', async () => {
    const one = await limited('max-segments = 3');
    await one.run(async ({ dist, kept }) => {
      const { Worker } = process.getBuiltinModule('node:worker_threads');
      const { once } = process.getBuiltinModule('node:events');
      const source = `
        import(${JSON.stringify(`${dist}/api/index.js`)}).then((api) => {
          globalThis.held = [1, 2].map(() => api.openController().createExport(api.allocate(4096)));
          require('node:worker_threads').parentPort.once('message', () => {}).postMessage('made');
        });`;
      const worker = new Worker(source, { eval: true });
      await once(worker, 'message');
      (kept as unknown as { worker: unknown }).worker = worker;
    });
    expect(await makeIn(one, 9)).toEqual({ made: 1, code: FULL });
    await one.run(({ kept }) =>
      (kept as unknown as { worker: { terminate(): Promise<void> } }).worker.terminate(),
    );
    expect(await makeIn(one, 9)).toEqual({ made: 2, code: FULL });
  });
});

describe('max-exported-memory', () => {
  const room = Math.floor(Math.floor(totalmem() / 100) / CHUNK);
  const held = (): number =>
    snapshot(directory).participants.reduce((sum, each) => sum + each.reserved.bytes, 0);

  test('C-036 C-041 counts the exported bytes of all processes; a killed one and a closed one make room', async () => {
    const [one, other] = [await limited('max-exported-memory = 1'), await limited('max-exported-memory = 1')];
    expect(await makeIn(one, room - 2, CHUNK)).toEqual({ made: room - 2, code: '' });
    expect(await makeIn(other, 99, CHUNK)).toEqual({ made: 2, code: NO_MEMORY });
    expect(held()).toBe(room * CHUNK);
    await closeIn(other, 1);
    expect(await makeIn(other, 99, CHUNK)).toEqual({ made: 1, code: NO_MEMORY });
    await one.kill();
    expect(await makeIn(other, room - 2, CHUNK)).toEqual({ made: room - 2, code: '' });
  });

  test('C-061 a rebind counts twice while it lasts, and once afterwards, whether it failed or not', async () => {
    const one = await limited('max-exported-memory = 1');
    const rebind = () =>
      one.run(({ api, kept }, bytes: number) => {
        try {
          (kept as unknown as Kept).exports[0]!.rebind(api.allocate(bytes));
          return '';
        } catch (error) {
          return (error as { code: string }).code;
        }
      }, CHUNK);
    expect(await makeIn(one, room - 1, CHUNK)).toEqual({ made: room - 1, code: '' });
    expect(await rebind()).toBe('');
    expect(held()).toBe((room - 1) * CHUNK);
    expect(await makeIn(one, 1, CHUNK)).toEqual({ made: 1, code: '' });
    expect(await rebind()).toBe(NO_MEMORY);
    expect(held()).toBe(room * CHUNK);
  });

  test('a create refused for memory keeps no segment, and one refused for segments keeps no memory', async () => {
    const one = await limited(`max-exported-memory = 1\nmax-segments = ${room + 1}`);
    expect((await makeIn(one, room + 5, CHUNK)).code).toBe(NO_MEMORY);
    expect(reserved()).toEqual([room]);
    const before = held();
    expect(await makeIn(one, 9)).toEqual({ made: 1, code: FULL });
    expect(held()).toBe(before + 4096);
  });
});

test.skipIf(!root)('who may not write to the directory may still connect, uncounted', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'rsm-test-'));
  later(() => rmSync(elsewhere, { recursive: true }));
  chmodSync(elsewhere, 0o755);
  const env = { RSM_RUNTIME_DIR: elsewhere };
  const owner = await limited('max-segments = 1', env);
  expect(await makeIn(owner, 1)).toEqual({ made: 1, code: '' });
  const id = await owner.run(({ kept }) =>
    (kept as unknown as Kept).exports[0]!.publish({ access: [{ node: 0, permission: 0o666 }] }),
  );
  chmodSync(join(elsewhere, 'u'), 0o755);
  const guest = await peer({ env, uid: ALICE });
  expect(await connectIn(guest, id, 3)).toEqual({ made: 3, code: '' });
  const { participants, exports } = snapshot(elsewhere);
  expect(participants.map(({ pid }) => pid)).toEqual([owner.pid]);
  expect(exports[0]!.importers.map(({ uid, pid }) => [uid, pid])).toEqual(Array(3).fill([ALICE, guest.pid]));
  expect((await makeIn(guest, 1)).code).toBe('RSMERR_CTLR_NOT_PRESENT');
});
