/** rsm_memseg_import_map and unmap (rsmapi.md 2.7). */
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { has } from '../support/plane.ts';
import { exported, filled, imported, needs, PAGE, peer } from '../support/scene.ts';

type ImportHandle = rsm.rsm_memseg_import_handle_t;
const { rsm_memseg_import_map: map, rsm_memseg_import_unmap: unmap } = rsm;
const NONE = rsm.RSM_MAP_NONE;
const FIXED = rsm.RSM_MAP_FIXED;

/** Maps and returns the buffer; fails the test when that fails. */
function mapped(segment: ImportHandle, offset = 0, length = PAGE, permission = 0o600): ArrayBuffer {
  const at = rsm.out<ArrayBuffer>();
  expect(map(segment, at, NONE, permission, offset, length)).toBe(0);
  return at.value as ArrayBuffer;
}

needs('map')('C-150 map twice returns SEG_ALREADY_MAPPED', () => {
  const { segment } = imported({ id: exported().id });
  const buffer = mapped(segment);
  const again = rsm.out<ArrayBuffer>();
  expect(map(segment, again, NONE, 0o600, 0, PAGE)).toBe(rsm.RSMERR_SEG_ALREADY_MAPPED);
  expect(map(segment, again, NONE, 0o777, 1, 0)).toBe(rsm.RSMERR_SEG_ALREADY_MAPPED);
  expect(again.value).toBeUndefined();
  expect(buffer.byteLength).toBe(PAGE);
});

test('C-151 map with a null address pointer returns BAD_ADDR', () => {
  const { segment } = imported({ id: exported().id });
  expect(map(segment, null as never, NONE, 0o600, 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
});

needs('map')('C-151 also when mapped', () => {
  const { segment } = imported({ id: exported().id });
  mapped(segment);
  expect(map(segment, null as never, NONE, 0o600, 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
});

test('C-152 map with length 0 returns BAD_LENGTH', () => {
  const { segment } = imported({ id: exported().id });
  expect(map(segment, rsm.out(), NONE, 0o600, 0, 0)).toBe(rsm.RSMERR_BAD_LENGTH);
  expect(map(segment, rsm.out(), NONE, 0o600, PAGE, 0)).toBe(rsm.RSMERR_BAD_LENGTH);
});

test.each([
  [0, PAGE * 2 + 1],
  [PAGE, PAGE + 1],
  [PAGE * 2, 1],
  [PAGE * 100, 1],
  [8, PAGE * 2], // before the alignment
  [0, 2 ** 52],
])('C-153 map of offset %i, length %i of two pages returns BAD_LENGTH', (offset, length) => {
  const { segment } = imported({ id: exported({ pages: 2 }).id });
  expect(map(segment, rsm.out(), NONE, 0o600, offset, length)).toBe(rsm.RSMERR_BAD_LENGTH);
});

test('C-153 a negative offset is BAD_OFFSET (D-42)', () => {
  const { segment } = imported({ id: exported().id });
  expect(map(segment, rsm.out(), NONE, 0o600, -PAGE, PAGE)).toBe(rsm.RSMERR_BAD_OFFSET);
});

test('C-154 a misaligned offset returns BAD_MEM_ALIGNMENT and the handle remains usable', () => {
  const { segment } = imported({ id: exported({ pages: 2 }).id });
  for (const offset of [1, 8, 4095, 4097]) {
    expect(map(segment, rsm.out(), NONE, 0o600, offset, 10)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
  }
  if (has('map')) expect(mapped(segment, PAGE, 10).byteLength).toBe(10);
  expect(rsm.rsm_memseg_import_put8(segment, PAGE, new Uint8Array(1), 1)).toBe(0);
});

describe('C-155 RSM_MAP_FIXED', () => {
  test('C-155 a misaligned address returns BAD_MEM_ALIGNMENT', () => {
    const { segment } = imported({ id: exported().id });
    const at = rsm.out<Uint8Array>(new Uint8Array(filled(2, 0), 8));
    expect(map(segment, at as never, FIXED, 0o600, 0, PAGE)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
  });

  needs('map')('C-155 an aligned address: the segment is exactly there, and zero pages after unmap', () => {
    const { id, bytes } = exported({ pages: 2 });
    bytes.fill(0x31);
    const { segment } = imported({ id });
    const memory = filled(3, 0x62);
    const view = new Uint8Array(memory);
    const at = rsm.out<Uint8Array>(new Uint8Array(memory, PAGE));
    expect(map(segment, at as never, FIXED, 0o600, PAGE, PAGE)).toBe(0);
    expect([view[PAGE - 1], view[PAGE], view[2 * PAGE - 1], view[2 * PAGE]]).toEqual([
      0x62, 0x31, 0x31, 0x62,
    ]);
    view[PAGE + 1] = 9;
    expect(bytes[PAGE + 1]).toBe(9);
    expect(unmap(segment)).toBe(0);
    expect(memory.byteLength).toBe(3 * PAGE);
    expect([view[PAGE - 1], view[PAGE], view[PAGE + 1], view[2 * PAGE]]).toEqual([0x62, 0, 0, 0x62]);
    view[PAGE + 1] = 5;
    expect(bytes[PAGE + 1]).toBe(9);
  });

  needs('map')('C-155 exported memory and memory of the engine return BAD_ADDR', () => {
    const { id } = exported();
    const { segment } = imported({ id });
    for (const bad of [exported().memory, new ArrayBuffer(PAGE), new SharedArrayBuffer(PAGE), null, 4096]) {
      const at = rsm.out(bad as ArrayBuffer);
      expect(map(segment, at, FIXED, 0o600, 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
    }
    const short = rsm.out<ArrayBuffer>(filled(1, 0));
    const { segment: two } = imported({ id: exported({ pages: 2 }).id });
    expect(map(two, short, FIXED, 0o600, 0, 2 * PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  });
});

describe('C-156 RSM_MAP_NONE', () => {
  needs('map').each([
    [0, 2 * PAGE],
    [PAGE, PAGE],
    [0, 1],
    [PAGE, 100],
  ])('C-156 offset %i, length %i: a buffer of exactly the length', (offset, length) => {
    const { id, bytes } = exported({ pages: 2 });
    bytes[offset] = 0x77;
    const buffer = mapped(imported({ id }).segment, offset, length);
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(buffer.byteLength).toBe(length);
    expect(new Uint8Array(buffer)[0]).toBe(0x77);
    new Uint8Array(buffer)[length - 1] = 0x55;
    expect(bytes[offset + length - 1]).toBe(0x55);
  });

  needs('map')('C-156 what was in the address is not looked at', () => {
    const at = rsm.out<ArrayBuffer>({} as ArrayBuffer);
    expect(map(imported({ id: exported().id }).segment, at, NONE, 0o600, 0, PAGE)).toBe(0);
    expect((at.value as ArrayBuffer).byteLength).toBe(PAGE);
  });

  needs('map')('C-156 Atomics work across processes on the mapping', async () => {
    const { id } = exported();
    const words = new Int32Array(mapped(imported({ id }).segment));
    const other = await peer();
    await other.import({ id });
    const adding = other.run(({ rsm, kept }) => {
      const at = rsm.out<ArrayBuffer>();
      rsm.rsm_memseg_import_map(kept.imported.segment, at, 0, 0o600, 0, 4096);
      const theirs = new Int32Array(at.value as ArrayBuffer);
      for (let n = 0; n < 100_000; n++) Atomics.add(theirs, 0, 1);
    });
    for (let n = 0; n < 100_000; n++) Atomics.add(words, 0, 1);
    await adding;
    expect(Atomics.load(words, 0)).toBe(200_000);
  });
});

test('C-157 more than the connect mode, or other bits, returns BAD_PERMS', () => {
  const { id } = exported();
  const { segment: reader } = imported({ id, mode: 0o400 });
  const { segment: writer } = imported({ id, mode: 0o200 });
  for (const permission of [0o600, 0o200]) {
    expect(map(reader, rsm.out(), NONE, permission, 0, PAGE)).toBe(rsm.RSMERR_BAD_PERMS);
  }
  expect(map(writer, rsm.out(), NONE, 0o400, 0, PAGE)).toBe(rsm.RSMERR_BAD_PERMS);
  const { segment } = imported({ id });
  for (const permission of [0o100, 0o644, 0o1000, 0o777]) {
    expect(map(segment, rsm.out(), NONE, permission, 5, 0)).toBe(rsm.RSMERR_BAD_PERMS);
  }
});

needs('map')('C-157 as much, or less', () => {
  const { id } = exported();
  mapped(imported({ id, mode: 0o400 }).segment, 0, PAGE, 0o400);
  mapped(imported({ id }).segment, 0, PAGE, 0o400);
});

needs('map')('C-157 stores to a read-only mapping do not fault and do not reach the exporter', () => {
  const { id, bytes } = exported();
  bytes[0] = 1;
  const view = new Uint8Array(mapped(imported({ id, mode: 0o400 }).segment, 0, PAGE, 0o400));
  expect(view[0]).toBe(1);
  view[1] = 9;
  expect(bytes[1]).toBe(0);
});

test('C-158 map on a broken connection returns CONN_ABORTED', () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
  expect(map(segment, rsm.out(), NONE, 0o600, 0, PAGE)).toBe(rsm.RSMERR_CONN_ABORTED);
});

needs('map')(
  'C-159 unmap without mapping returns SEG_NOT_MAPPED; then map again, with another window',
  () => {
    const { id, bytes } = exported({ pages: 2 });
    bytes[PAGE] = 8;
    const { segment } = imported({ id });
    expect(unmap(segment)).toBe(rsm.RSMERR_SEG_NOT_MAPPED);
    const first = mapped(segment, 0, PAGE);
    const view = new Uint8Array(first);
    expect(unmap(segment)).toBe(0);
    expect([first.byteLength, view.length]).toEqual([0, 0]); // detached
    expect(unmap(segment)).toBe(rsm.RSMERR_SEG_NOT_MAPPED);
    expect(new Uint8Array(mapped(segment, PAGE, 10))[0]).toBe(8);
  },
);

needs('map')('C-160 unmap is possible with pollfd references and after a forced disconnect (D-10)', () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  mapped(segment);
  expect(rsm.rsm_memseg_get_pollfd(segment, { fd: -1, events: 0, revents: 0 })).toBe(0);
  expect(unmap(segment)).toBe(0);
  mapped(segment);
  expect(rsm.rsm_memseg_export_destroy(owner)).toBe(0);
  expect(unmap(segment)).toBe(0);
});

needs('map')(
  'C-161 the mapping of an aborted segment does not fault; stores never reach the exporter',
  async () => {
    const exporter = await peer();
    const id = await exporter.export({ pages: 64 });
    const gone = await peer();
    const goneId = await gone.export({ pages: 64 });
    const { segment } = imported({ id });
    const view = new Uint8Array(mapped(segment, 0, 64 * PAGE));
    const dead = new Uint8Array(mapped(imported({ id: goneId }).segment, 0, 64 * PAGE));
    view[5] = 1;
    await exporter.run(({ rsm, kept }) => rsm.rsm_memseg_export_unpublish(kept.exported.segment));
    await gone.kill();
    for (const bytes of [view, dead]) {
      for (let offset = 0; offset < bytes.length; offset += 512) bytes[offset] = bytes[offset]! + 7;
      expect(bytes).toHaveLength(64 * PAGE);
    }
    view.fill(0xcc);
    expect(await exporter.run(({ kept }) => [...kept.exported.bytes.subarray(4, 7)])).toEqual([0, 1, 0]);
  },
);

needs('map')(
  'C-162 stores through a mapping are visible to the exporter after a successful close_barrier',
  async () => {
    const exporter = await peer();
    const id = await exporter.export({ pages: 2 });
    const { segment, barrier } = imported({ id });
    const view = new Uint32Array(mapped(segment, PAGE, PAGE));
    expect(rsm.rsm_memseg_import_open_barrier(barrier)).toBe(0);
    view[3] = 0xabcd1234;
    expect(rsm.rsm_memseg_import_close_barrier(barrier)).toBe(0);
    expect(await exporter.run(({ kept }) => new Uint32Array(kept.exported.memory, 4096)[3])).toBe(0xabcd1234);
  },
);
