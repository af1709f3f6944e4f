/** When the machine has no more: the documented code, and a process that goes on. Never SIGBUS, never an abort. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ImportSegment } from '../../src/api/index.ts';
import { RSMERR_INSUFFICIENT_RESOURCES } from '../../src/errors.ts';
import { exportIn, importersOf, importIn } from '../support/actors.ts';
import { memoryGroup } from '../support/groups.ts';
import type { Peer } from '../support/peer.ts';
import { ALICE, BOB, directory, file, later, peer, root, systemV } from '../support/scene.ts';

const MIB = 1024 * 1024;

/** Sets a limit of a running process, as its user: Node itself would not start under some of them. */
function limit(actor: Peer, value: string, uid = process.getuid!()): void {
  execFileSync('prlimit', ['--pid', String(actor.pid), value], { uid, gid: uid });
}

/** The code of each call, in the peer; 'done' where there was none. */
function attempts(actor: Peer, bytes = 4096): Promise<Record<string, string>> {
  return actor.run(({ api }, size: number) => {
    const codes: Record<string, string> = {};
    const attempt = (name: string, call: () => void): void => {
      codes[name] = 'done';
      try {
        call();
      } catch (error) {
        codes[name] = (error as { code?: string }).code ?? String(error);
      }
    };
    const controller = api.openController();
    attempt('allocate', () => api.release(api.allocate(size)));
    attempt('cycle', () => {
      const memory = api.allocate(4096);
      const segment = controller.createExport(memory);
      try {
        const imported = controller.connectSync({ id: segment.publish(), mode: 'rw' });
        imported.put(0, new Uint8Array(8));
        imported.close();
      } finally {
        segment.close();
        api.release(memory);
      }
    });
    controller.close();
    return codes;
  }, bytes);
}

const WELL = { allocate: 'done', cycle: 'done' };

test('mappings: the last ones are left to the engine; the calls that need one say so', async () => {
  const shmid = systemV(4096);
  const actor = await peer();
  const found = await actor.run(({ api }, id: number) => {
    const controller = api.openController();
    const memory = api.allocate(8192);
    const segment = controller.createExport(memory, { allowRebind: true });
    const imported = controller.connectSync({ id: segment.publish(), mode: 'rw' });
    const view = new Uint8Array(imported.map());
    const kept: ArrayBuffer[] = [];
    const codeOf = (call: () => unknown): string => {
      try {
        call();
        return 'done';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const full = codeOf(() => {
      for (;;) kept.push(api.attachSystemV(id));
    });
    const refused = [
      codeOf(() => api.allocate(4096)),
      codeOf(() => controller.connectSync({ id: imported.id, mode: 'r' })),
    ];
    // What exchanges or ends a mapping needs one for a moment: it is there.
    const other = new Uint8Array(memory);
    other[0] = 7;
    const going = [
      codeOf(() => imported.put(1, new Uint8Array([8]))),
      codeOf(() => segment.unpublish()),
      codeOf(() => imported.unmap()),
      codeOf(() => imported.close()),
    ];
    const count = kept.length;
    for (const buffer of kept.splice(0)) api.release(buffer);
    return { full, refused, going, count, seen: [view.length, other[0], other[1]] };
  }, shmid);
  expect(found).toMatchObject({
    full: 'RSMERR_INSUFFICIENT_RESOURCES',
    refused: Array(2).fill('RSMERR_INSUFFICIENT_RESOURCES'),
    going: Array(4).fill('done'),
    seen: [0, 7, 8],
  });
  expect(found.count).toBeGreaterThan(10_000);
}, 300_000);

test('C-027 with no descriptor left every call says so, by whichever way it is made, and nothing leaks', async () => {
  const small = await peer({ limits: ['--nofile=100:100'] });
  const found = await small.run(async ({ api }) => {
    const { openSync, closeSync, readdirSync } = process.getBuiltinModule('node:fs');
    const controller = api.openController();
    const memory = api.allocate(4096);
    const segment = controller.createExport(memory, { allowRebind: true });
    const target = { id: segment.publish() };
    const held = () => readdirSync('/proc/self/fd').length;
    const before = held();
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // the limit is reached
    }
    const codes = new Set<string>();
    const attempt = async (call: () => unknown): Promise<void> => {
      try {
        await call();
      } catch (error) {
        codes.add(
          (error as { code?: string; result?: number }).result
            ? (error as { code: string }).code
            : `${error}`,
        );
        return;
      }
      codes.add('done');
    };
    for (let spare = 0; spare < 2; spare++) {
      await attempt(() => controller.connect(target));
      await attempt(() => controller.connectSync(target));
      await attempt(() => controller.createExport(new Uint8Array(memory)));
      await attempt(() => segment.rebind(api.allocate(4096)));
    }
    for (const fd of taken) closeSync(fd);
    const after = held();
    segment.close();
    controller.close();
    return { codes: [...codes], leaked: after - before };
  });
  expect(found).toEqual({ codes: ['RSMERR_INSUFFICIENT_RESOURCES'], leaked: 0 });
});

test('get_controller without a descriptor says so, in both faces, with a configuration file or without', async () => {
  const small = await peer({ limits: ['--nofile=100:100'] });
  const config = file('[node]\nid = 0\n');
  const codes = await small.run(({ api, rsm }, named: string) => {
    const { openSync, closeSync, readdirSync } = process.getBuiltinModule('node:fs');
    const code = (call: () => unknown): unknown => {
      try {
        return call();
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const before = readdirSync('/proc/self/fd').length;
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // the limit is reached
    }
    const said = [
      code(() => api.openController()),
      code(() => api.openController('loopback', { config: named })),
      code(() => rsm.rsm_get_controller('loopback', rsm.out())),
    ];
    for (const fd of taken) closeSync(fd);
    api.openController().close();
    return [...said, readdirSync('/proc/self/fd').length - before];
  }, config);
  const name = 'RSMERR_INSUFFICIENT_RESOURCES';
  expect(codes).toEqual([name, name, RSMERR_INSUFFICIENT_RESOURCES, 0]);
});

test.skipIf(!root)(
  'C-076 whether another user has the id cannot be seen without a descriptor: it is not published twice',
  async () => {
    const [first, second] = await Promise.all([
      peer({ uid: ALICE }),
      peer({ uid: BOB, limits: ['--nofile=100:100'] }),
    ]);
    const id = await exportIn(first, { id: 0x61_0000 });
    const codes = await second.run(({ api }, taken: number) => {
      const { openSync, closeSync } = process.getBuiltinModule('node:fs');
      const controller = api.openController();
      const [known, segment] = [1, 2].map(() => controller.createExport(api.allocate(4096)));
      known!.publish(); // its record and the lock are open from here on
      const held: number[] = [];
      try {
        for (;;) held.push(openSync('/dev/null', 'r'));
      } catch {
        // the limit is reached
      }
      const publish = () => {
        try {
          return segment!.publish({ id: taken });
        } catch (error) {
          return (error as { code: string }).code;
        }
      };
      const without = publish();
      for (const fd of held) closeSync(fd);
      return [without, publish()];
    }, id);
    expect(codes).toEqual(['RSMERR_INSUFFICIENT_RESOURCES', 'RSMERR_SEGID_IN_USE']);
  },
);

test('descriptors: the connects that find none say so; closing gives them back', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer({ limits: ['--nofile=100:100'] })]);
  const id = await exportIn(exporter);
  const code = await importer.run(({ api, kept }, wanted: number) => {
    const held = kept as unknown as { imports: ImportSegment[] };
    held.imports = [];
    const controller = api.openController();
    try {
      for (;;) held.imports.push(controller.connectSync({ id: wanted, mode: 'rw' }));
    } catch (error) {
      return (error as { code: string }).code;
    }
  }, id);
  expect(code).toBe('RSMERR_INSUFFICIENT_RESOURCES');
  await importer.run(({ kept }) => {
    for (const segment of (kept as unknown as { imports: ImportSegment[] }).imports) segment.close();
  });
  expect(await attempts(importer)).toEqual(WELL);
  await importIn(exporter, id);
  expect(await importersOf(exporter)).toBe(1);
});

test('address space: allocate says that there is no room', async () => {
  const actor = await peer();
  const [, usedKiB] = /^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${actor.pid}/status`, 'utf8'))!;
  limit(actor, `--as=${(Number(usedKiB) + 256 * 1024) * 1024}`);
  expect(await attempts(actor, 512 * MIB)).toEqual({ ...WELL, allocate: 'RSMERR_INSUFFICIENT_RESOURCES' });
  expect(await attempts(actor, 4 * MIB)).toEqual(WELL);
});

test('file size: memory beyond the limit is refused, not ended by SIGXFSZ', async () => {
  const actor = await peer();
  limit(actor, `--fsize=${MIB}`);
  expect(await attempts(actor, 2 * MIB)).toEqual({ ...WELL, allocate: 'RSMERR_INSUFFICIENT_MEM' });
});

test.skipIf(!root)('threads: without one for the agent nothing can be exported; later it can', async () => {
  const actor = await peer({ uid: ALICE });
  limit(actor, '--nproc=1:', ALICE);
  const none = 'RSMERR_INSUFFICIENT_RESOURCES';
  expect(await attempts(actor)).toEqual({ allocate: 'done', cycle: none });
  limit(actor, '--nproc=10000:', ALICE);
  expect(await attempts(actor)).toEqual(WELL);
});

test.skipIf(!root)('a full control group: INSUFFICIENT_MEM, not the OOM killer', async (context) => {
  const group = memoryGroup(256 * MIB);
  if (group === undefined) return context.skip('control groups cannot be made here');
  later(() => group.remove());
  const actor = await peer();
  later(() => actor.exit());
  group.add(actor.pid);
  expect(await attempts(actor, 1024 * MIB)).toEqual({ ...WELL, allocate: 'RSMERR_INSUFFICIENT_MEM' });
  const filled = await actor.run(({ api }, step: number) => {
    const kept: ArrayBuffer[] = [];
    try {
      for (;;) {
        kept.push(api.allocate(step));
        new Uint8Array(kept.at(-1)!).fill(1);
      }
    } catch (error) {
      for (const memory of kept) api.release(memory);
      return { code: (error as { code: string }).code, count: kept.length };
    }
  }, MIB);
  expect(filled.code).toBe('RSMERR_INSUFFICIENT_MEM');
  expect(filled.count).toBeGreaterThan(32);
  expect(await attempts(actor, 32 * MIB)).toEqual(WELL);
});

test.skipIf(!root).each([
  ['that is full already', 4, { allocate: 'done', cycle: 'RSMERR_INSUFFICIENT_RESOURCES' }],
  ['with room for a header and no more: others do not see what works', 12, WELL],
  ['with room for what a process shows', 64, WELL],
])('a runtime directory %s', async (_, sizeKiB, expected) => {
  const place = join(directory, `full-${sizeKiB}`);
  mkdirSync(place);
  const mount = `mount -t tmpfs -o size=${sizeKiB}k,mode=1777 none ${place} && exec "$@"`;
  const actor = await peer({
    through: ['unshare', '--mount', 'sh', '-c', mount, 'sh'],
    env: { RSM_RUNTIME_DIR: place },
  });
  expect(await attempts(actor)).toEqual(expected);
});
