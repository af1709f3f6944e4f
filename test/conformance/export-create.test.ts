/** rsm_memseg_export_create (rsmapi.md 2.4). */
import { totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { allocate, attachSystemV, mapFile, type RsmError, release } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import {
  ALICE,
  connectCode,
  controller,
  endExport,
  exported,
  file,
  filled,
  imported,
  later,
  needs,
  PAGE,
  peer,
  root,
  systemV,
} from '../support/scene.ts';

type ExportHandle = rsm.rsm_memseg_export_handle_t;

/** The result of a create; a segment that comes of it is destroyed after the test. */
function create(vaddr: unknown, length: number, flags = 0, out = rsm.out<ExportHandle>()): number {
  const result = rsm.rsm_memseg_export_create(
    controller('exporting'),
    out,
    vaddr as ArrayBuffer,
    length,
    flags,
  );
  if (result === 0) later(() => endExport(out.value!));
  return result;
}

test('C-016 create with a null or released controller returns BAD_CTLR_HNDL before any other check', () => {
  const released = rsm.out<rsm.rsmapi_controller_handle_t>();
  rsm.rsm_get_controller(null, released);
  rsm.rsm_release_controller(released.value!);
  for (const bad of [null, undefined, {}, released.value]) {
    expect(rsm.rsm_memseg_export_create(bad as never, null as never, null as never, 0, 0)).toBe(
      rsm.RSMERR_BAD_CTLR_HNDL,
    );
    expect(rsm.rsm_memseg_export_create(bad as never, rsm.out(), filled(1, 0), PAGE, 0)).toBe(
      rsm.RSMERR_BAD_CTLR_HNDL,
    );
  }
});

test('C-017 create accepts the handle of get_controller', () => {
  expect(create(filled(1, 0), PAGE)).toBe(0);
});

test('C-018 create with a null memseg pointer returns BAD_SEG_HNDL whatever the rest is', () => {
  const handle = controller('exporting');
  for (const nothing of [null, undefined] as never[]) {
    expect(rsm.rsm_memseg_export_create(handle, nothing, null as never, 0, 0)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(rsm.rsm_memseg_export_create(handle, nothing, filled(1, 0), 3, 0)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(rsm.rsm_memseg_export_create(handle, nothing, filled(1, 0), PAGE, 0)).toBe(
      rsm.RSMERR_BAD_SEG_HNDL,
    );
  }
});

test('C-019 length 0 returns BAD_LENGTH, also for a misaligned address', () => {
  expect(create(filled(1, 0), 0)).toBe(rsm.RSMERR_BAD_LENGTH);
  expect(create(new Uint8Array(filled(1, 0), 8), 0)).toBe(rsm.RSMERR_BAD_LENGTH);
});

test('C-020 a null address returns BAD_ADDR, also with length 0', () => {
  expect(create(null, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  expect(create(null, 0)).toBe(rsm.RSMERR_BAD_ADDR);
  expect(create(undefined, 17)).toBe(rsm.RSMERR_BAD_ADDR);
});

test.each([1, 8, 64, 2048, 4095])(
  'C-021 an address %i bytes into a page returns BAD_MEM_ALIGNMENT',
  (offset) => {
    expect(create(new Uint8Array(filled(3, 0), offset), PAGE)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
  },
);

test('C-021 an address some pages into an allocation is aligned', () => {
  expect(create(new Uint8Array(filled(3, 0), PAGE), PAGE)).toBe(0);
  expect(create(new DataView(filled(3, 0), 2 * PAGE), PAGE)).toBe(0);
});

test.each([1, 100, 4095, 4097, 8191])('C-022 length %i returns BAD_MEM_ALIGNMENT', (length) => {
  expect(create(filled(2, 0), length)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
});

test('C-023 loopback exports a large segment whatever its attributes say', () => {
  expect(create(rsm.valloc(64 << 20), 64 << 20)).toBe(0);
});

describe('C-025 memory that is not wholly memory of this library', () => {
  test.each([
    ['a buffer of the engine', () => new ArrayBuffer(2 * PAGE)],
    ['a SharedArrayBuffer', () => new SharedArrayBuffer(2 * PAGE)],
    [
      'a WebAssembly memory',
      () => new (Reflect.get(globalThis, 'WebAssembly').Memory)({ initial: 1 }).buffer,
    ],
    [
      'a released allocation',
      () => {
        const memory = filled(2, 0);
        release(memory);
        return memory;
      },
    ],
    ['something else', () => ({ byteLength: 2 * PAGE })],
    ['a number', () => 4096],
  ])('C-025 %s returns BAD_ADDR', (_name, make) => {
    expect(create(make(), PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  });

  test('C-025 a range that goes on behind the allocation returns BAD_ADDR', () => {
    expect(create(filled(2, 0), 3 * PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
    expect(create(new Uint8Array(filled(2, 0), PAGE), 2 * PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
    expect(create(filled(2, 0), 2 ** 40)).toBe(rsm.RSMERR_BAD_ADDR);
  });

  needs('map')('C-025 the mapping of an import segment returns BAD_ADDR', () => {
    const { segment } = imported({ id: exported().id });
    const at = rsm.out<ArrayBuffer>();
    expect(rsm.rsm_memseg_import_map(segment, at, 0, 0o600, 0, PAGE)).toBe(0);
    expect(create(at.value, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  });
});

describe('C-027 shortage', () => {
  test('C-027 create without a free descriptor returns INSUFFICIENT_RESOURCES, and works again afterwards', async () => {
    const small = await peer({ limits: ['--nofile=64:64'] });
    const codes = await small.run(({ rsm, exported }) => {
      const { openSync, closeSync } = process.getBuiltinModule('node:fs');
      const { controller } = exported(); // the library has started
      const memory = rsm.valloc(4 * 4096)!;
      const taken: number[] = [];
      try {
        for (;;) taken.push(openSync('/dev/null', 'r'));
      } catch {
        // the limit is reached
      }
      const segment = rsm.out<ExportHandle>();
      // One page of four: a segment of its own needs an object of its own.
      const attempt = (): number => rsm.rsm_memseg_export_create(controller, segment, memory, 4096, 0);
      const without = attempt();
      for (const fd of taken) closeSync(fd);
      return [without, attempt()];
    });
    expect(codes).toEqual([rsm.RSMERR_INSUFFICIENT_RESOURCES, 0]);
  });

  needs('ownNode')(
    'C-027 create beyond max-segments of the node returns INSUFFICIENT_RESOURCES',
    async () => {
      const limited = await peer({ env: { RSM_CONFIG: file('[limits]\nmax-segments = 3\n') } });
      const codes = await limited.run(({ rsm, exported }) => {
        const made = [exported(), exported({ id: false }), exported()];
        const segment = rsm.out<ExportHandle>();
        const attempt = (): number =>
          rsm.rsm_memseg_export_create(made[0]!.controller, segment, rsm.valloc(4096)!, 4096, 0);
        const target = made[0]!.id;
        const connect = rsm.rsm_memseg_import_connect(made[0]!.controller, 0, target, 0o600, rsm.out());
        const beyond = attempt();
        rsm.rsm_memseg_export_destroy(made[1]!.segment);
        return [connect, beyond, attempt()];
      });
      expect(codes).toEqual([rsm.RSMERR_INSUFFICIENT_RESOURCES, rsm.RSMERR_INSUFFICIENT_RESOURCES, 0]);
    },
  );

  test('C-027 a range that partly overlaps an exported one returns INSUFFICIENT_RESOURCES (D-52)', () => {
    const memory = filled(4, 0);
    expect(create(new Uint8Array(memory, PAGE), 2 * PAGE)).toBe(0);
    expect(create(memory, 2 * PAGE)).toBe(rsm.RSMERR_INSUFFICIENT_RESOURCES);
    expect(create(new Uint8Array(memory, PAGE), PAGE)).toBe(rsm.RSMERR_INSUFFICIENT_RESOURCES);
    expect(create(memory, 4 * PAGE)).toBe(rsm.RSMERR_INSUFFICIENT_RESOURCES);
    expect(create(memory, PAGE)).toBe(0);
    expect(create(new Uint8Array(memory, PAGE), 2 * PAGE)).toBe(0);
  });
});

test('C-028 create stores a handle only on success; a failure past the pointer check stores null', () => {
  const stale = {} as ExportHandle;
  const early = rsm.out<ExportHandle>(stale);
  rsm.rsm_memseg_export_create(null as never, early, filled(1, 0), PAGE, 0);
  expect(early.value).toBe(stale);
  const failures: [unknown, number][] = [
    [null, PAGE],
    [filled(1, 0), 0],
    [filled(1, 0), 5],
    [new ArrayBuffer(PAGE), PAGE],
  ];
  for (const [vaddr, length] of failures) {
    const late = rsm.out<ExportHandle>(stale);
    expect(create(vaddr, length, 0, late)).toBeGreaterThan(0);
    expect(late.value ?? null).toBeNull();
  }
  const good = rsm.out<ExportHandle>();
  expect(create(filled(1, 0), PAGE, 0, good)).toBe(0);
  expect(good.value ?? null).not.toBeNull();
});

test("C-029 exporter and importer see each other's bytes at the same offsets", async () => {
  const { id, bytes } = exported({ pages: 3 });
  bytes.fill(0x11);
  bytes[5000] = 0x22;
  const importer = await peer();
  await importer.import({ id });
  const seen = await importer.run(({ rsm, kept }) => {
    const data = new Uint8Array(3 * 4096);
    const got = rsm.rsm_memseg_import_get(kept.imported.segment, 0, data, data.length);
    const put = rsm.rsm_memseg_import_put8(kept.imported.segment, 12_287, new Uint8Array([0x33]), 1);
    return [got, put, data[0], data[4999], data[5000], data[12_286]];
  });
  expect(seen).toEqual([0, 0, 0x11, 0x11, 0x22, 0x11]);
  expect(bytes[12_287]).toBe(0x33);
  bytes[0] = 0x44;
  const again = await importer.run(({ rsm, kept }) => {
    const data = new Uint8Array(1);
    return [rsm.rsm_memseg_import_get8(kept.imported.segment, 0, data, 1), data[0]];
  });
  expect(again).toEqual([0, 0x44]);
});

describe('C-030 the end of the exporting process', () => {
  test.each(['exits', 'is killed'])(
    'C-030 when it %s, the segment goes, its id is free, importers are aborted',
    async (how) => {
      const exporter = await peer();
      const id = 0x400030;
      await exporter.export({ id });
      const { segment } = imported({ id });
      const data = new Uint8Array(8);
      expect(rsm.rsm_memseg_import_get(segment, 0, data, 8)).toBe(0);
      if (how === 'exits') expect(await exporter.exit()).toBe(0);
      else await exporter.kill();
      await expect.poll(() => rsm.rsm_memseg_import_get(segment, 0, data, 8)).toBe(rsm.RSMERR_CONN_ABORTED);
      expect(connectCode(id)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
      expect(exported({ id }).id).toBe(id);
      expect(connectCode(id)).toBe(0);
    },
  );
});

describe('C-031 where memory comes from', () => {
  const roundTrip = (memory: ArrayBuffer): void => {
    const out = rsm.out<ExportHandle>();
    expect(create(memory, memory.byteLength, 0, out)).toBe(0);
    const id = rsm.out<number>(0);
    expect(rsm.rsm_memseg_export_publish(out.value!, id, null, 0)).toBe(0);
    const { segment } = imported({ id: id.value! });
    new Uint8Array(memory)[7] = 99;
    const data = new Uint8Array(8);
    expect(rsm.rsm_memseg_import_get(segment, 0, data, 8)).toBe(0);
    expect(data[7]).toBe(99);
    expect(rsm.rsm_memseg_import_put8(segment, 9, new Uint8Array([88]), 1)).toBe(0);
    expect(new Uint8Array(memory)[9]).toBe(88);
  };

  test('C-031 valloc', () => roundTrip(rsm.valloc(2 * PAGE)!));
  test('C-031 allocate', () => roundTrip(allocate(2 * PAGE)));
  test('C-031 System V shared memory', () => roundTrip(attachSystemV(systemV(2 * PAGE))));

  test('C-031 an importer in another process reads System V shared memory', async () => {
    const memory = attachSystemV(systemV(2 * PAGE));
    const out = rsm.out<ExportHandle>();
    expect(create(memory, 2 * PAGE, 0, out)).toBe(0);
    const id = rsm.out<number>(0);
    expect(rsm.rsm_memseg_export_publish(out.value!, id, null, 0)).toBe(0);
    new Uint8Array(memory)[PAGE] = 42;
    const importer = await peer();
    await importer.import({ id: id.value! });
    const seen = await importer.run(({ rsm, kept }) => {
      const data = new Uint8Array(1);
      return [rsm.rsm_memseg_import_get8(kept.imported.segment, 4096, data, 1), data[0]];
    });
    expect(seen).toEqual([0, 42]);
  });

  test('C-031 one range may back several segments', () => {
    const memory = filled(2, 5);
    expect(create(memory, 2 * PAGE)).toBe(0);
    expect(create(memory, 2 * PAGE)).toBe(0);
  });
});

test('C-032 a private mapping of a file is accepted and does not write to the file', () => {
  const path = file(Buffer.alloc(2 * PAGE, 'a'));
  const memory = mapFile(path);
  expect(create(memory, 2 * PAGE)).toBe(0);
  new Uint8Array(memory).fill(0);
  expect(new Uint8Array(mapFile(path))[0]).toBe('a'.charCodeAt(0));
});

test('C-033 undefined flag bits are ignored', () => {
  expect(create(filled(1, 0), PAGE, 0x7fff_fff8)).toBe(0);
  expect(create(filled(1, 0), PAGE, 0xffff_fff8)).toBe(0);
});

test('C-034 with DONTWAIT create and publish return INSUFFICIENT_RESOURCES instead of waiting', async () => {
  const small = await peer({ limits: ['--nofile=64:64'] });
  const codes = await small.run(({ rsm, exported }) => {
    const { openSync, closeSync } = process.getBuiltinModule('node:fs');
    const { controller } = exported();
    const memory = rsm.valloc(4 * 4096)!;
    const segment = rsm.out<ExportHandle>();
    const flags = rsm.RSM_CREATE_SEG_DONTWAIT;
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // the limit is reached
    }
    const codes = [rsm.rsm_memseg_export_create(controller, segment, memory, 4096, flags)];
    for (const fd of taken) closeSync(fd);
    codes.push(rsm.rsm_memseg_export_create(controller, segment, memory, 4096, flags));
    codes.push(rsm.rsm_memseg_export_publish(segment.value!, rsm.out(0), null, 0));
    return codes;
  });
  expect(codes).toEqual([rsm.RSMERR_INSUFFICIENT_RESOURCES, 0, 0]);
});

test('C-035 a segment for lock operations can be created and published: loopback takes atomic operations', () => {
  const out = rsm.out<ExportHandle>();
  expect(create(filled(1, 0), PAGE, rsm.RSM_LOCK_OPS, out)).toBe(0);
  expect(rsm.rsm_memseg_export_publish(out.value!, rsm.out(0), null, 0)).toBe(0);
});

/** Exports one range again and again until refused; what that took, and whether one less makes room. */
const CHUNK = 16 << 20;
const fillQuota = async (
  percent: number,
): Promise<{ made: number; refused: number; after: number; rebind: number }> => {
  const limited = await peer({ env: { RSM_CONFIG: file(`[limits]\nmax-exported-memory = ${percent}\n`) } });
  return limited.run(
    ({ rsm, exported }, chunk: number, most: number) => {
      const { controller, segment: first } = exported({ flags: rsm.RSM_ALLOW_REBIND, id: false });
      rsm.rsm_memseg_export_destroy(first);
      const memory = rsm.valloc(chunk)!;
      const segments: ExportHandle[] = [];
      const attempt = (): number => {
        const segment = rsm.out<ExportHandle>();
        const flags = rsm.RSM_ALLOW_REBIND;
        const result = rsm.rsm_memseg_export_create(controller, segment, memory, chunk, flags);
        if (result === 0) segments.push(segment.value!);
        return result;
      };
      let refused = 0;
      while (refused === 0 && segments.length < most) refused = attempt();
      const made = segments.length;
      const rebind = rsm.rsm_memseg_export_rebind(segments[0]!, rsm.valloc(chunk)!, 0, chunk);
      rsm.rsm_memseg_export_destroy(segments.pop()!);
      return { made, refused, rebind, after: attempt() };
    },
    CHUNK,
    Math.ceil(totalmem() / 100 / CHUNK) + 8,
  );
};

describe('C-036 max-exported-memory', () => {
  needs('ownNode')(
    'C-036 C-041 C-061 create and rebind beyond it return INSUFFICIENT_MEM; destroy makes room again',
    async () => {
      const { made, refused, after, rebind } = await fillQuota(1);
      expect(refused).toBe(rsm.RSMERR_INSUFFICIENT_MEM);
      expect(made).toBeGreaterThanOrEqual(Math.floor(totalmem() / 100 / CHUNK) - 1);
      expect(rebind).toBe(rsm.RSMERR_INSUFFICIENT_MEM); // old and new count for a moment
      expect(after).toBe(0);
    },
  );

  needs('ownNode')('C-036 with 0 no limit applies', async () => {
    expect(await fillQuota(0)).toMatchObject({ refused: 0, rebind: 0, after: 0 });
  });
});

// Under AddressSanitizer mlock does nothing.
test.skipIf(!root || process.env.ASAN_OPTIONS !== undefined)(
  'C-037 memory that cannot be locked is INSUFFICIENT_MEM, when it is allocated',
  async () => {
    const small = await peer({ uid: ALICE, limits: ['--memlock=65536:65536'] });
    const code = await small.run(({ api }) => {
      try {
        api.allocate(1 << 20, { lock: true });
        return 'allocated';
      } catch (error) {
        return (error as RsmError).code;
      }
    });
    expect(code).toBe('RSMERR_INSUFFICIENT_MEM');
  },
);
