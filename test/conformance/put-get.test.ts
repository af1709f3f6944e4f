/** put and get (rsmapi.md 2.6). */
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { exported, imported, needs, PAGE } from '../support/scene.ts';

type ImportHandle = rsm.rsm_memseg_import_handle_t;
type Transfer = (segment: ImportHandle, offset: number, data: never, count: number) => number;

/** The sized functions: width in bytes, an array of that width, both directions. */
const sized: [
  number,
  (bytes: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView,
  Transfer,
  Transfer,
][] = [
  [1, (b, o, n) => new Uint8Array(b, o, n), rsm.rsm_memseg_import_get8, rsm.rsm_memseg_import_put8],
  [2, (b, o, n) => new Uint16Array(b, o, n), rsm.rsm_memseg_import_get16, rsm.rsm_memseg_import_put16],
  [4, (b, o, n) => new Uint32Array(b, o, n), rsm.rsm_memseg_import_get32, rsm.rsm_memseg_import_put32],
  [8, (b, o, n) => new BigUint64Array(b, o, n), rsm.rsm_memseg_import_get64, rsm.rsm_memseg_import_put64],
];
const wide = sized.filter(([width]) => width > 1);
const { rsm_memseg_import_get: get, rsm_memseg_import_put: put } = rsm;
const { rsm_memseg_import_put8: put8, rsm_memseg_import_get8: get8 } = rsm;
const data = (...values: number[]): Uint8Array => new Uint8Array(values.length ? values : [0]);

describe('C-117 the order of the checks', () => {
  test('C-117 null data, then alignment, permission, range, barrier', () => {
    const { id } = exported();
    const { segment } = imported({ id, mode: 0o400, barrier: false });
    const put32 = rsm.rsm_memseg_import_put32;
    const word = new Uint32Array(1);
    const nothing = null as never;
    expect(put32(segment, 3, nothing, 1 << 20)).toBe(rsm.RSMERR_BAD_ADDR);
    expect(put32(segment, 1 << 20, word, 1)).toBe(rsm.RSMERR_PERM_DENIED);
    expect(put32(segment, (1 << 20) + 1, word, 1)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
    const { segment: writer } = imported({ id, barrier: false });
    expect(put32(writer, 1 << 20, word, 1)).toBe(rsm.RSMERR_BAD_OFFSET);
    expect(put32(writer, 0, word, 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
  });

  test('C-117 the handle comes first', () => {
    expect(put8(null as never, -1, null as never, -1)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(get(null as never, -1, null as never, -1)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  });

  test('C-117 data longer than its buffer is no address', () => {
    const { segment } = imported({ id: exported().id });
    expect(put8(segment, 0, new Uint8Array(3), 4)).toBe(rsm.RSMERR_BAD_ADDR);
    expect(get(segment, 0, new Uint8Array(3), 4)).toBe(rsm.RSMERR_BAD_ADDR);
  });
});

test.each(wide)(
  'C-118 data not aligned to %i bytes returns BAD_MEM_ALIGNMENT',
  (width, _view, ...transfers) => {
    const { segment } = imported({ id: exported().id });
    // A typed array cannot be misaligned within its buffer, a view of bytes can.
    const misaligned = new Uint8Array(new ArrayBuffer(64), width / 2, 2 * width);
    for (const transfer of transfers) {
      expect(transfer(segment, 0, misaligned as never, 1)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
    }
  },
);

test.each(wide)(
  'C-119 an offset not aligned to %i bytes returns BAD_MEM_ALIGNMENT',
  (width, view, ...transfers) => {
    const { segment } = imported({ id: exported().id });
    for (const transfer of transfers) {
      for (const offset of [1, width / 2, width + 1]) {
        expect(transfer(segment, offset, view(new ArrayBuffer(width)) as never, 1)).toBe(
          rsm.RSMERR_BAD_MEM_ALIGNMENT,
        );
      }
    }
  },
);

test('C-120 get8, put8, get and put accept any alignment', () => {
  const { id, bytes } = exported();
  const { segment } = imported({ id });
  const source = new Uint8Array(16).map((_, n) => n + 1);
  expect(put8(segment, 3, source.subarray(1), 5)).toBe(0);
  expect([...bytes.subarray(2, 9)]).toEqual([0, 2, 3, 4, 5, 6, 0]);
  expect(put(segment, 101, source.subarray(3, 10), 7)).toBe(0);
  expect([...bytes.subarray(101, 108)]).toEqual([4, 5, 6, 7, 8, 9, 10]);
  const target = new Uint8Array(16);
  expect(get8(segment, 101, target.subarray(5), 3)).toBe(0);
  expect(get(segment, 3, target.subarray(9, 13), 4)).toBe(0);
  expect([...target]).toEqual([0, 0, 0, 0, 0, 4, 5, 6, 0, 2, 3, 4, 5, 0, 0, 0]);
});

test('C-121 put on a read-only and get on a write-only connection return PERM_DENIED', () => {
  const { id } = exported();
  const { segment: reader } = imported({ id, mode: 0o400 });
  const { segment: writer } = imported({ id, mode: 0o200 });
  for (const [width, view, getN, putN] of sized) {
    const item = view(new ArrayBuffer(width)) as never;
    expect(putN(reader, 0, item, 1)).toBe(rsm.RSMERR_PERM_DENIED);
    expect(getN(writer, 0, item, 1)).toBe(rsm.RSMERR_PERM_DENIED);
  }
  expect(put(reader, 0, data(), 1)).toBe(rsm.RSMERR_PERM_DENIED);
  expect(get(writer, 0, data(), 1)).toBe(rsm.RSMERR_PERM_DENIED);
});

needs('map')('C-121 also when only the mapping lacks the right', () => {
  const { segment } = imported({ id: exported().id });
  expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o400, 0, PAGE)).toBe(0);
  expect(put8(segment, 0, data(1), 1)).toBe(rsm.RSMERR_PERM_DENIED);
  expect(get8(segment, 0, data(), 1)).toBe(0);
});

test('C-122 a read-only get and a write-only put need no map (D-07)', () => {
  const { id, bytes } = exported();
  bytes[9] = 9;
  const seen = data();
  expect(get8(imported({ id, mode: 0o400 }).segment, 9, seen, 1)).toBe(0);
  expect(seen[0]).toBe(9);
  expect(put8(imported({ id, mode: 0o200 }).segment, 10, data(10), 1)).toBe(0);
  expect(bytes[10]).toBe(10);
});

test('C-123 a transfer up to the end of the segment succeeds, one byte more returns BAD_OFFSET', () => {
  const { id, bytes } = exported({ pages: 2 });
  const { segment } = imported({ id });
  expect(put(segment, 2 * PAGE - 3, data(1, 2, 3), 3)).toBe(0);
  expect(bytes[2 * PAGE - 1]).toBe(3);
  expect(put(segment, 2 * PAGE - 2, data(1, 2, 3), 3)).toBe(rsm.RSMERR_BAD_OFFSET);
  expect(get(segment, 2 * PAGE - 2, data(1, 2, 3), 3)).toBe(rsm.RSMERR_BAD_OFFSET);
  for (const [width, view, ...transfers] of sized) {
    for (const transfer of transfers) {
      const items = view(new ArrayBuffer(2 * width)) as never;
      expect(transfer(segment, 2 * PAGE - 2 * width, items, 2)).toBe(0);
      expect(transfer(segment, 2 * PAGE - width, items, 2)).toBe(rsm.RSMERR_BAD_OFFSET);
      expect(transfer(segment, 2 * PAGE, items, 1)).toBe(rsm.RSMERR_BAD_OFFSET);
      expect(transfer(segment, 2 ** 50, items, 1)).toBe(rsm.RSMERR_BAD_OFFSET);
    }
  }
});

describe('a mapped window', () => {
  const window = (): { segment: ImportHandle; bytes: Uint8Array } => {
    const { id, bytes } = exported({ pages: 4 });
    const { segment } = imported({ id });
    expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, PAGE, PAGE + 100)).toBe(0);
    return { segment, bytes };
  };

  needs('map')('C-124 a transfer that touches a byte outside the window returns BAD_OFFSET', () => {
    const { segment } = window();
    expect(put8(segment, PAGE, data(1), 1)).toBe(0);
    expect(put8(segment, 2 * PAGE + 99, data(1), 1)).toBe(0);
    for (const offset of [0, PAGE - 1, 2 * PAGE + 100, 3 * PAGE]) {
      expect(put8(segment, offset, data(1), 1)).toBe(rsm.RSMERR_BAD_OFFSET);
      expect(get8(segment, offset, data(), 1)).toBe(rsm.RSMERR_BAD_OFFSET);
    }
    expect(put(segment, PAGE - 1, data(1, 2), 2)).toBe(rsm.RSMERR_BAD_OFFSET);
    expect(put(segment, 2 * PAGE + 99, data(1, 2), 2)).toBe(rsm.RSMERR_BAD_OFFSET);
  });

  needs('map')('C-125 offsets are relative to the segment', () => {
    const { segment, bytes } = window();
    expect(put8(segment, PAGE + 5, data(7), 1)).toBe(0);
    expect([bytes[5], bytes[PAGE + 5]]).toEqual([0, 7]);
  });
});

test.each([-1, -8, -4096, -(2 ** 40)])('C-126 offset %i returns BAD_OFFSET', (offset) => {
  const { segment } = imported({ id: exported().id });
  expect(put8(segment, offset, data(1), 1)).toBe(rsm.RSMERR_BAD_OFFSET);
  expect(get(segment, offset, data(1), 1)).toBe(rsm.RSMERR_BAD_OFFSET);
  if (offset % 8 === 0) {
    expect(rsm.rsm_memseg_import_get64(segment, offset, new BigUint64Array(1), 1)).toBe(
      rsm.RSMERR_BAD_OFFSET,
    );
  }
});

test('C-127 nothing moves for count or length 0, but the checks run', () => {
  const { id, bytes } = exported();
  const { segment } = imported({ id });
  for (const [width, view, getN, putN] of sized) {
    const item = view(new ArrayBuffer(width)) as never;
    expect(putN(segment, 8, item, 0)).toBe(0);
    expect(getN(segment, PAGE, item, 0)).toBe(0); // the end of the segment is inside
    expect(putN(segment, 2 * PAGE, item, 0)).toBe(rsm.RSMERR_BAD_OFFSET);
    expect(getN(segment, 0, null as never, 0)).toBe(rsm.RSMERR_BAD_ADDR);
  }
  expect(put(segment, 0, data(1), 0)).toBe(0);
  expect(bytes.every((value) => value === 0)).toBe(true);
  const { segment: bare } = imported({ id, barrier: false });
  expect(put(bare, 0, data(1), 0)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
});

test('C-128 a fresh import segment is in IMPLICIT mode and needs a barrier', () => {
  const { segment } = imported({ id: exported().id, barrier: false });
  const mode = rsm.out<number>();
  expect(rsm.rsm_memseg_import_get_mode(segment, mode)).toBe(0);
  expect(mode.value).toBe(rsm.RSM_BARRIER_MODE_IMPLICIT);
  for (const [width, view, ...transfers] of sized) {
    for (const transfer of transfers) {
      expect(transfer(segment, 0, view(new ArrayBuffer(width)) as never, 1)).toBe(
        rsm.RSMERR_BARRIER_UNINITIALIZED,
      );
    }
  }
  expect(put(segment, 0, data(1), 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
  expect(get(segment, 0, data(1), 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
});

test('C-129 in EXPLICIT mode put and get work without any barrier', () => {
  const { id, bytes } = exported();
  const { segment } = imported({ id, barrier: false, explicit: true });
  expect(put8(segment, 6, data(66), 1)).toBe(0);
  const seen = data();
  expect(get8(segment, 6, seen, 1)).toBe(0);
  expect([seen[0], bytes[6]]).toEqual([66, 66]);
});

test.each(sized)('C-130 the count is one of items of %i bytes', (width, view, getN, putN) => {
  const { id, bytes } = exported();
  const { segment } = imported({ id });
  const source = new Uint8Array(4 * width).map((_, n) => n + 1);
  expect(putN(segment, width, view(source.buffer) as never, 3)).toBe(0);
  expect([...bytes.subarray(width, 5 * width)]).toEqual([
    ...source.subarray(0, 3 * width),
    ...new Array(width).fill(0),
  ]);
  const target = new Uint8Array(4 * width).fill(0xee);
  expect(getN(segment, width, view(target.buffer) as never, 3)).toBe(0);
  expect([...target]).toEqual([...source.subarray(0, 3 * width), ...new Array(width).fill(0xee)]);
});

needs('map')('C-131 the first transfer maps the whole segment: map is refused, unmap succeeds', () => {
  const { segment } = imported({ id: exported().id });
  expect(rsm.rsm_memseg_import_unmap(segment)).toBe(rsm.RSMERR_SEG_NOT_MAPPED);
  expect(get8(segment, 0, data(), 1)).toBe(0);
  expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, 0, PAGE)).toBe(
    rsm.RSMERR_SEG_ALREADY_MAPPED,
  );
  expect(rsm.rsm_memseg_import_unmap(segment)).toBe(0);
  expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, 0, PAGE)).toBe(0);
});

test('C-132 values are read back identical, and in native byte order by the exporter', () => {
  const { id, memory } = exported();
  const { segment } = imported({ id });
  expect(rsm.rsm_memseg_import_put16(segment, 2, new Uint16Array([0x1234]), 1)).toBe(0);
  expect(rsm.rsm_memseg_import_put32(segment, 4, new Uint32Array([0xdeadbeef]), 1)).toBe(0);
  expect(rsm.rsm_memseg_import_put64(segment, 8, new BigUint64Array([0xfedcba9876543210n]), 1)).toBe(0);
  expect(new Uint16Array(memory)[1]).toBe(0x1234);
  expect(new Uint32Array(memory)[1]).toBe(0xdeadbeef);
  expect(new BigUint64Array(memory)[1]).toBe(0xfedcba9876543210n);
  const items = [new Uint16Array(1), new Uint32Array(1), new BigUint64Array(1)] as const;
  expect(rsm.rsm_memseg_import_get16(segment, 2, items[0], 1)).toBe(0);
  expect(rsm.rsm_memseg_import_get32(segment, 4, items[1], 1)).toBe(0);
  expect(rsm.rsm_memseg_import_get64(segment, 8, items[2], 1)).toBe(0);
  expect(items.map((item) => item[0])).toEqual([0x1234, 0xdeadbeef, 0xfedcba9876543210n]);
});

test('C-133 after a forced disconnect every IMPLICIT-mode transfer returns CONN_ABORTED', () => {
  const { segment: owner, id, bytes } = exported();
  const used = imported({ id }).segment;
  const fresh = imported({ id }).segment;
  expect(put8(used, 0, data(1), 1)).toBe(0);
  expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
  for (let n = 0; n < 3; n++) {
    for (const segment of [used, fresh]) {
      for (const [width, view, ...transfers] of sized) {
        for (const transfer of transfers) {
          expect(transfer(segment, 0, view(new ArrayBuffer(width)) as never, 1)).toBe(
            rsm.RSMERR_CONN_ABORTED,
          );
        }
      }
      expect(put(segment, 0, data(2), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
      expect(get(segment, 0, data(2), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
    }
  }
  expect(bytes[0]).toBe(1);
});

describe('C-134 after a forced disconnect in EXPLICIT mode', () => {
  /** The loss is silent until the barrier is closed. */
  const lose = (map: (segment: ImportHandle) => number): void => {
    const { segment: owner, id, bytes } = exported();
    const { segment, barrier } = imported({ id, explicit: true });
    expect(map(segment)).toBe(0);
    expect(rsm.rsm_memseg_import_open_barrier(barrier)).toBe(0);
    expect(rsm.rsm_memseg_export_destroy(owner)).toBe(0);
    expect(put8(segment, 0, data(7), 1)).toBe(0);
    expect(get8(segment, 0, data(7), 1)).toBe(0);
    expect(rsm.rsm_memseg_import_close_barrier(barrier)).toBe(rsm.RSMERR_CONN_ABORTED);
    expect(bytes[0]).toBe(0);
  };

  needs('map')('C-134 transfers on a mapped segment return 0 and the loss shows at close', () =>
    lose((segment) => rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, 0, PAGE)),
  );

  test('C-134 so do those on a segment that transferred before', () =>
    lose((segment) => get8(segment, 0, data(), 1)));

  needs('map')('C-134 the first transfer, which is to map it, returns CONN_ABORTED', () => {
    const { segment: owner, id } = exported();
    const { segment } = imported({ id, explicit: true });
    expect(rsm.rsm_memseg_export_destroy(owner)).toBe(0);
    expect(put8(segment, 0, data(7), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
    expect(get8(segment, 0, data(7), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
  });
});
