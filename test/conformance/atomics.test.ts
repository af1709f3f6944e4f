/** Atomic operations on segments with lock operations (RSM_LOCK_OPS): values, checks, and that they are atomic. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as api from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import { connectCode, controller, EXPORTER, later, needs, openEnd, PAGE, peer } from '../support/scene.ts';

interface Sides {
  owner: api.ExportSegment;
  importer: api.ImportSegment;
}

function sides(create: api.CreateOptions = { lockOps: true }, mode: api.Mode = 'rw'): Sides {
  const owner = openEnd('exporting').createExport(api.allocate(2 * PAGE), { allowRebind: true, ...create });
  owner.publish();
  const importer = connected(owner, mode);
  later(() => owner.close());
  return { owner, importer };
}

function connected(owner: api.ExportSegment, mode: api.Mode = 'rw'): api.ImportSegment {
  const importer = openEnd('importing').connectSync({ node: EXPORTER, id: owner.id!, mode });
  later(() => importer.close());
  return importer;
}

const code = (call: () => unknown): string => {
  try {
    call();
    return 'done';
  } catch (error) {
    return (error as api.RsmError).code;
  }
};

/** Every operation on the word at that offset, 32 bits wide. */
const OPERATIONS: Record<string, (segment: api.ImportSegment | api.ExportSegment, at: number) => unknown> = {
  fetchAdd: (segment, at) => segment.fetchAdd(at, 1),
  fetchAnd: (segment, at) => segment.fetchAnd(at, 1),
  fetchOr: (segment, at) => segment.fetchOr(at, 1),
  fetchXor: (segment, at) => segment.fetchXor(at, 1),
  exchange: (segment, at) => segment.exchange(at, 1),
  compareExchange: (segment, at) => segment.compareExchange(at, 0, 1),
  lock: (segment, at) => segment.lock(at),
};
const all = Object.entries(OPERATIONS);

test('all operations, of 32 and 64 bits, from both sides, return what was there before', () => {
  const { owner, importer } = sides();
  const words = new Uint32Array(owner.memory);
  words[2] = 0xfffffffe;
  expect(importer.fetchAdd(8, 3)).toBe(0xfffffffe);
  expect(owner.fetchAdd(8, -2)).toBe(1);
  expect(importer.exchange(8, 0b1100)).toBe(0xffffffff);
  expect(owner.fetchAnd(8, 0b1010)).toBe(0b1100);
  expect(importer.fetchOr(8, 0b0011)).toBe(0b1000);
  expect(owner.fetchXor(8, -1)).toBe(0b1011);
  expect(importer.compareExchange(8, 5, 6)).toBe(0xfffffff4);
  expect(importer.compareExchange(8, 0xfffffff4 | 0, 6)).toBe(0xfffffff4);
  expect([...words.subarray(0, 4)]).toEqual([0, 0, 6, 0]);
  expect(owner.exchange(16, -1n)).toBe(0n);
  expect(importer.fetchAdd(16, 3n)).toBe(2n ** 64n - 1n);
  expect(importer.fetchXor(16, 1n << 63n)).toBe(2n);
  expect(owner.fetchOr(16, 1n)).toBe((1n << 63n) + 2n);
  expect(owner.fetchAnd(16, 3n)).toBe((1n << 63n) + 3n);
  expect(importer.compareExchange(16, 3n, 9n)).toBe(3n);
  expect(new BigUint64Array(owner.memory)[2]).toBe(9n);
});

test('operations with random values agree with a model of the words', () => {
  const { owner, importer } = sides();
  const names = ['fetchAdd', 'fetchAnd', 'fetchOr', 'fetchXor', 'exchange', 'compareExchange'] as const;
  const model = new BigUint64Array(4);
  const bytes = new DataView(model.buffer);
  const step = fc.record({
    name: fc.constantFrom(...names),
    wide: fc.boolean(),
    word: fc.nat(3),
    value: fc.oneof(fc.bigInt(-(2n ** 31n), 2n ** 32n - 1n), fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n)),
    hit: fc.boolean(),
    from: fc.constantFrom(owner, importer),
  });
  const next = (name: (typeof names)[number], before: bigint, value: bigint, hit: boolean): bigint => {
    if (name === 'fetchAdd') return before + value;
    if (name === 'fetchAnd') return before & value;
    if (name === 'fetchOr') return before | value;
    if (name === 'fetchXor') return before ^ value;
    return name === 'exchange' || hit ? value : before;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      for (const { name, wide, word, value, hit, from } of steps) {
        const offset = 64 + word * (wide ? 8 : 4);
        const width = wide ? 64 : 32;
        const before = wide
          ? bytes.getBigUint64(offset - 64, true)
          : BigInt(bytes.getUint32(offset - 64, true));
        const operand = wide ? value : Number(BigInt.asIntN(32, value));
        const expected = wide ? before ^ BigInt(!hit) : Number(before ^ BigInt(!hit));
        const found =
          name === 'compareExchange'
            ? from.compareExchange<number | bigint>(offset, expected, operand)
            : from[name]<number | bigint>(offset, operand);
        const after = BigInt.asUintN(width, next(name, before, BigInt(operand), hit));
        if (wide) bytes.setBigUint64(offset - 64, after, true);
        else bytes.setUint32(offset - 64, Number(after), true);
        expect(BigInt(found)).toBe(before);
        expect([...new BigUint64Array(owner.memory, 64, 4)]).toEqual([...model]);
      }
    }),
    { numRuns: 200 },
  );
});

test('they are atomic between processes: nothing is lost of what three add', async () => {
  const { owner, importer } = sides();
  const id = owner.id!;
  const peers = await Promise.all([peer(), peer()]);
  const COUNT = 20_000;
  const work = peers.map((each) =>
    each.run(
      async ({ api, plane }, target: number, count: number) => {
        const { controller, exporting, importing } = plane;
        const opened = api.openController(controller, importing);
        const segment = await opened.connect({ node: exporting.node, id: target });
        for (let i = 0; i < count; i += 1) {
          segment.fetchAdd(64, 1);
          segment.fetchAdd(72, 0x1_0000_0001n);
          segment.fetchXor(80, i);
          while (segment.compareExchange(84, 0, 1) !== 0);
          segment.exchange(84, 0);
        }
        segment.close();
      },
      id,
      COUNT,
    ),
  );
  for (let i = 0; i < COUNT; i += 1) importer.fetchAdd(64, 1);
  await Promise.all(work);
  expect(owner.fetchAdd(64, 0)).toBe(3 * COUNT);
  expect(owner.fetchAdd(72, 0n)).toBe(BigInt(2 * COUNT) * 0x1_0000_0001n);
  expect(owner.fetchXor(80, 0)).toBe(0); // everything twice
  expect(owner.fetchAdd(84, 0)).toBe(0);
});

test.each(all)(
  'C-035 %s on a segment without RSM_LOCK_OPS is LOCKS_NOT_ENABLED, before all other checks',
  (_, call) => {
    const { owner, importer } = sides({}, 'r');
    for (const at of [0, 1, -4, PAGE * 2, Number.NaN]) {
      expect(code(() => call(owner, at))).toBe('RSMERR_LOCKS_NOT_ENABLED');
      expect(code(() => call(importer, at))).toBe('RSMERR_LOCKS_NOT_ENABLED');
    }
    importer.close();
    owner.close();
    expect(code(() => call(owner, 0))).toBe('RSMERR_BAD_SEG_HNDL');
    expect(code(() => call(importer, 0))).toBe('RSMERR_BAD_SEG_HNDL');
  },
);

test.each(all)('%s: alignment before permission before range before the connection', (_, call) => {
  const { owner, importer } = sides();
  for (const segment of [connected(owner, 'r'), connected(owner, 'w')]) {
    expect(code(() => call(segment, 2))).toBe('RSMERR_BAD_MEM_ALIGNMENT');
    expect(code(() => call(segment, 2 * PAGE))).toBe('RSMERR_PERM_DENIED');
    segment.close();
  }
  owner.unpublish();
  for (const segment of [owner, importer]) {
    expect(code(() => call(segment, 1))).toBe('RSMERR_BAD_MEM_ALIGNMENT');
    expect(code(() => call(segment, -4))).toBe('RSMERR_BAD_OFFSET');
    expect(code(() => call(segment, 2 * PAGE))).toBe('RSMERR_BAD_OFFSET');
    expect(code(() => call(segment, 2 ** 53 - 4))).toBe('RSMERR_BAD_OFFSET');
    expect(code(() => call(segment, 0.5))).toBe('RSMERR_BAD_OFFSET');
  }
  expect(code(() => call(owner, 2 * PAGE - 4))).toBe('done');
  if (call !== OPERATIONS.lock) expect(code(() => call(importer, 0))).toBe('RSMERR_CONN_ABORTED');
});

test('64-bit words have to be aligned to 8, and operands to be of one kind and width', () => {
  const { owner, importer } = sides();
  for (const segment of [owner, importer]) {
    expect(code(() => segment.fetchAdd(4, 1n))).toBe('RSMERR_BAD_MEM_ALIGNMENT');
    expect(code(() => segment.fetchAdd(4, 1))).toBe('done');
    for (const odd of [2 ** 32, -(2 ** 31) - 1, 1.5, Number.NaN, 2n ** 64n, -(2n ** 63n) - 1n]) {
      expect(code(() => segment.fetchAdd(0, odd))).toBe('RSMERR_BAD_ARGS_ERRORS');
    }
    expect(code(() => segment.compareExchange<number | bigint>(0, 0, 1n))).toBe('RSMERR_BAD_ARGS_ERRORS');
  }
  expect(new Uint32Array(owner.memory)[0]).toBe(0);
});

needs('map')('lock operations map nothing that is in the way: map, put and get come after them', async () => {
  const { owner, importer } = sides();
  importer.fetchAdd(64, 1);
  const held = importer.lock(0).tryAcquire()!;
  const mapped = new Uint32Array(importer.map({ offset: PAGE, length: PAGE }));
  // As a transfer, an operation does not leave the window of the program; a lock does not care.
  expect(code(() => importer.fetchAdd(64, 1))).toBe('RSMERR_BAD_OFFSET');
  expect(importer.fetchAdd(PAGE + 8, 7)).toBe(0);
  expect(mapped[2]).toBe(7);
  held.release();
  expect(importer.lock(0).tryAcquire()).not.toBeNull();
  importer.unmap();
  expect(importer.fetchAdd(64, 1)).toBe(1);
  importer.put(128, new Uint8Array([1]));
  expect(code(() => importer.map())).toBe('RSMERR_SEG_ALREADY_MAPPED');
  importer.unmap();
  expect(code(() => importer.unmap())).toBe('RSMERR_SEG_NOT_MAPPED');
  expect(new Uint32Array(owner.memory)[16]).toBe(2);
  importer.map({ mode: 'r' });
  expect(code(() => importer.fetchAdd(64, 1))).toBe('RSMERR_PERM_DENIED');
  const other = importer.lock(4).tryAcquire()!; // by asking the exporter
  expect(new Uint32Array(owner.memory)[1]).not.toBe(0);
  other.release();
  await expect.poll(() => new Uint32Array(owner.memory)[1]).toBe(0);
});

test('after a rebind the words are those of the new memory, for both sides', () => {
  const { owner, importer } = sides();
  owner.fetchAdd(64, 5);
  expect(importer.fetchAdd(64, 1)).toBe(5);
  owner.rebind(api.allocate(2 * PAGE));
  expect(importer.fetchAdd(64, 1)).toBe(0);
  expect(owner.fetchAdd(64, 1)).toBe(1);
});

test('memory that ends within a page: words behind the buffer are for importers only', () => {
  const owner = openEnd('exporting').createExport(api.allocate(PAGE + 12), { lockOps: true });
  expect(owner.fetchAdd(PAGE + 8, 1)).toBe(0);
  expect(code(() => owner.fetchAdd(PAGE + 8, 1n))).toBe('RSMERR_BAD_OFFSET');
  expect(code(() => owner.fetchAdd(PAGE + 12, 1))).toBe('RSMERR_BAD_OFFSET');
  owner.publish();
  const importer = connected(owner);
  expect(importer.fetchAdd(PAGE + 12, 1)).toBe(0); // the segment is whole pages
  const held = owner.lock(PAGE + 16).tryAcquire()!; // not by its word, but by asking
  expect(importer.lock(PAGE + 16).tryAcquire()).toBeNull();
  held.release();
  importer
    .lock(PAGE + 16)
    .tryAcquire()!
    .release();
  importer.close();
  owner.close();
});

const canTransfer = 'transfer' in ArrayBuffer.prototype;
test.skipIf(!canTransfer)('buffers that a program transferred away: MAP_FAILED; locks work on', () => {
  const { owner, importer } = sides();
  for (const buffer of [owner.memory, importer.map()]) {
    (buffer as unknown as { transfer(): ArrayBuffer }).transfer();
  }
  for (const segment of [owner, importer]) {
    expect(code(() => segment.fetchAdd(64, 1))).toBe('RSMERR_MAP_FAILED');
    const held = segment.lock(0).tryAcquire()!;
    expect((segment === owner ? importer : owner).lock(0).tryAcquire()).toBeNull();
    held.release();
  }
});

test('C-035 RSM_LOCK_OPS of librsm is lockOps of the api', () => {
  const segment = rsm.out<rsm.rsm_memseg_export_handle_t>();
  for (const [flags, expected] of [
    [rsm.RSM_LOCK_OPS, 'done'],
    [rsm.RSM_LOCK_OPS | rsm.RSM_ALLOW_REBIND, 'done'],
    [rsm.RSM_ALLOW_REBIND | rsm.RSM_CREATE_SEG_DONTWAIT, 'RSMERR_LOCKS_NOT_ENABLED'],
  ] as const) {
    const memory = rsm.valloc(PAGE)!;
    expect(rsm.rsm_memseg_export_create(controller('exporting'), segment, memory, PAGE, flags)).toBe(0);
    const id = rsm.out(0);
    expect(rsm.rsm_memseg_export_publish(segment.value!, id, null, 0)).toBe(0);
    const importer = openEnd('importing').connectSync({ node: EXPORTER, id: id.value! });
    expect(code(() => importer.fetchAdd(0, 1))).toBe(expected);
    importer.close();
    expect(connectCode(id.value!)).toBe(0);
    rsm.rsm_memseg_export_destroy(segment.value!);
  }
});
