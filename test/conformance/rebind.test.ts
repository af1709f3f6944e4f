/** rsm_memseg_export_rebind (rsmapi.md 2.4). */
import { describe, expect, test } from 'vitest';
import { allocate, release } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import { exported, filled, imported, needs, openEnd, PAGE, peer } from '../support/scene.ts';

const REBIND = rsm.RSM_ALLOW_REBIND;
const { rsm_memseg_export_rebind: rebind } = rsm;

function byteAt(segment: rsm.rsm_memseg_import_handle_t, offset: number): number {
  const data = new Uint8Array(1);
  expect(rsm.rsm_memseg_import_get8(segment, offset, data, 1)).toBe(0);
  return data[0]!;
}

test('C-046 rebind of an invalid handle returns BAD_SEG_HNDL before every other check', () => {
  for (const bad of [null, undefined, {}] as never[]) {
    expect(rebind(bad, null as never, 0, 0)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(rebind(bad, filled(1, 0), 0, PAGE)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  }
});

test('C-046 of a closed segment of the api, too', () => {
  const segment = openEnd('exporting').createExport(allocate(PAGE), { allowRebind: true });
  segment.close();
  for (const memory of [null, new ArrayBuffer(PAGE), allocate(PAGE)] as ArrayBuffer[]) {
    expect(() => segment.rebind(memory)).toThrow(expect.objectContaining({ code: 'RSMERR_BAD_SEG_HNDL' }));
  }
});

test('C-047 rebind with a null address returns BAD_ADDR, allowed or not', () => {
  for (const flags of [0, REBIND]) {
    expect(rebind(exported({ flags }).segment, null as never, 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
    expect(rebind(exported({ flags }).segment, undefined as never, 0, 1)).toBe(rsm.RSMERR_BAD_ADDR);
  }
});

test('C-048 rebind without RSM_ALLOW_REBIND returns REBIND_NOT_ALLOWED, whatever the length', () => {
  const { segment } = exported();
  for (const length of [PAGE, 2 * PAGE, 0, 7]) {
    expect(rebind(segment, filled(2, 0), 0, length)).toBe(rsm.RSMERR_REBIND_NOT_ALLOWED);
  }
});

test('C-049 rebind can be repeated any number of times', () => {
  const { segment, id } = exported({ flags: REBIND });
  const { segment: importer } = imported({ id });
  for (let n = 0; n < 200; n++) {
    expect(rebind(segment, filled(1, n), 0, PAGE)).toBe(0);
    expect(byteAt(importer, 17)).toBe(n);
  }
});

describe('C-050 the new memory is the segment', () => {
  test('C-050 stores to the old range are no longer visible, stores to the new one are', () => {
    const { segment, id, bytes } = exported({ flags: REBIND });
    const { segment: importer } = imported({ id });
    const fresh = filled(1, 2);
    expect(rebind(segment, fresh, 0, PAGE)).toBe(0);
    bytes.fill(0xee);
    expect(byteAt(importer, 0)).toBe(2);
    new Uint8Array(fresh)[0] = 3;
    expect(byteAt(importer, 0)).toBe(3);
    expect(rsm.rsm_memseg_import_put8(importer, 1, new Uint8Array([4]), 1)).toBe(0);
    expect([new Uint8Array(fresh)[1], bytes[1]]).toEqual([4, 0xee]);
  });

  test('C-050 the old range can be exported and rebound again', () => {
    const { segment, id, memory } = exported({ flags: REBIND });
    const { segment: importer } = imported({ id });
    expect(rebind(segment, filled(1, 2), 0, PAGE)).toBe(0);
    new Uint8Array(memory).fill(7);
    expect(rebind(segment, memory, 0, PAGE)).toBe(0);
    expect(byteAt(importer, 0)).toBe(7);
  });
});

describe('C-051 importers stay connected', () => {
  test('C-051 no barrier close reports CONN_ABORTED because of a rebind', async () => {
    const { segment, id } = exported({ flags: REBIND });
    const { segment: here, barrier } = imported({ id });
    const other = await peer();
    await other.import({ id });
    await other.run(({ rsm, kept }) => rsm.rsm_memseg_import_open_barrier(kept.imported.barrier));
    expect(rsm.rsm_memseg_import_open_barrier(barrier)).toBe(0);
    expect(rebind(segment, filled(1, 2), 0, PAGE)).toBe(0);
    expect(rsm.rsm_memseg_import_order_barrier(barrier)).toBe(0);
    expect(rsm.rsm_memseg_import_close_barrier(barrier)).toBe(0);
    expect(
      await other.run(({ rsm, kept }) => rsm.rsm_memseg_import_close_barrier(kept.imported.barrier)),
    ).toBe(0);
    expect(rsm.rsm_memseg_import_set_mode(here, rsm.RSM_BARRIER_MODE_EXPLICIT)).toBe(0);
    expect(rsm.rsm_intr_signal_post(here, 0)).toBe(0);
    expect(rsm.rsm_intr_signal_wait(segment, 1000)).toBe(0);
  });
});

describe('C-052 old mappings show the new memory (D-06)', () => {
  needs('map')('C-052 an importer mapped before the rebind sees the new memory', () => {
    const { segment, id } = exported({ flags: REBIND, pages: 4 });
    const { segment: importer } = imported({ id });
    const at = rsm.out<ArrayBuffer>();
    expect(rsm.rsm_memseg_import_map(importer, at, 0, 0o600, PAGE, 2 * PAGE)).toBe(0);
    const view = new Uint8Array(at.value as ArrayBuffer);
    const fresh = filled(4, 0);
    new Uint8Array(fresh).set([1, 2, 3], 2 * PAGE);
    expect(rebind(segment, fresh, 0, 4 * PAGE)).toBe(0);
    expect([...view.subarray(PAGE, PAGE + 3)]).toEqual([1, 2, 3]);
    view[0] = 9;
    expect(new Uint8Array(fresh)[PAGE]).toBe(9);
  });

  needs('map')(
    'C-052 so do importers in other processes, explicitly, implicitly and read-only mapped',
    async () => {
      const { segment, id } = exported({ flags: REBIND });
      const other = await peer();
      await other.run(({ rsm, imported, kept }, target: number) => {
        kept.imports = [
          imported({ id: target }),
          imported({ id: target }),
          imported({ id: target, mode: 0o400 }),
        ];
        const at = rsm.out<ArrayBuffer>();
        rsm.rsm_memseg_import_map(kept.imports[0]!.segment, at, 0, 0o600, 0, 4096);
        kept.buffer = at.value as ArrayBuffer;
        rsm.rsm_memseg_import_get8(kept.imports[1]!.segment, 0, new Uint8Array(1), 1);
        rsm.rsm_memseg_import_map(kept.imports[2]!.segment, rsm.out(), 0, 0o400, 0, 4096);
      }, id);
      expect(rebind(segment, filled(1, 0x6b), 0, PAGE)).toBe(0);
      const seen = await other.run(({ rsm, kept }) =>
        kept.imports
          .map(({ segment }) => {
            const data = new Uint8Array(1);
            return [rsm.rsm_memseg_import_get8(segment, 5, data, 1), data[0]];
          })
          .concat([[0, new Uint8Array(kept.buffer)[5]]]),
      );
      expect(seen).toEqual([
        [0, 0x6b],
        [0, 0x6b],
        [0, 0x6b],
        [0, 0x6b],
      ]);
    },
  );
});

test('C-053 an implicit-mode get after the rebind returns the new contents and 0', async () => {
  const exporter = await peer();
  const id = await exporter.export({ flags: REBIND });
  const { segment } = imported({ id });
  expect(byteAt(segment, 0)).toBe(0);
  await exporter.run(({ rsm, kept }) => {
    const memory = rsm.valloc(4096)!;
    new Uint8Array(memory).fill(0x4d);
    kept.buffer = memory;
    return rsm.rsm_memseg_export_rebind(kept.exported.segment, memory, 0, 4096);
  });
  expect(byteAt(segment, 0)).toBe(0x4d);
});

test('C-055 rebind with another length returns BAD_LENGTH (D-04)', () => {
  const { segment } = exported({ flags: REBIND, pages: 2 });
  for (const length of [PAGE, 3 * PAGE]) {
    expect(rebind(segment, filled(3, 0), 0, length)).toBe(rsm.RSMERR_BAD_LENGTH);
  }
});

test('C-056 rebind with length 0 or not a page multiple returns BAD_LENGTH', () => {
  const { segment } = exported({ flags: REBIND });
  for (const length of [0, 1, PAGE - 1, PAGE + 1]) {
    expect(rebind(segment, filled(2, 0), 0, length)).toBe(rsm.RSMERR_BAD_LENGTH);
  }
});

test('C-057 rebind with a misaligned address returns BAD_ADDR', () => {
  const { segment } = exported({ flags: REBIND });
  for (const offset of [1, 8, 2048]) {
    expect(rebind(segment, new Uint8Array(filled(2, 0), offset), 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  }
});

test('C-058 the off argument has no influence', () => {
  const { segment, id } = exported({ flags: REBIND });
  const { segment: importer } = imported({ id });
  const values: unknown[] = [-1, 1, PAGE, 2 ** 53, Number.NaN, null, undefined, 'x', 10n];
  values.forEach((off, n) => {
    expect(rebind(segment, filled(1, n + 1), off as number, PAGE)).toBe(0);
    expect(byteAt(importer, 0)).toBe(n + 1);
  });
});

test('C-059 rebind to the memory already bound returns 0 and changes nothing', () => {
  const { segment, id, memory, bytes } = exported({ flags: REBIND });
  const { segment: importer } = imported({ id });
  bytes.fill(3);
  expect(rebind(segment, memory, 0, PAGE)).toBe(0);
  expect(byteAt(importer, 0)).toBe(3);
  bytes[0] = 4;
  expect(byteAt(importer, 0)).toBe(4);
});

test('C-060 transfers concurrent with rebind succeed, and later ones are consistent', async () => {
  const { segment, id, bytes } = exported({ flags: REBIND });
  bytes.fill(1);
  const importer = await peer();
  await importer.import({ id });
  const reading = importer.run(async ({ rsm, kept }) => {
    const data = new Uint8Array(4096);
    const codes = new Set<number>();
    const values = new Set<number>();
    for (let n = 0; n < 20_000 && !values.has(0xff); n++) {
      codes.add(rsm.rsm_memseg_import_get(kept.imported.segment, 0, data, 4096));
      for (const value of data) values.add(value);
      if (n % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { codes: [...codes], values: [...values] };
  });
  for (let n = 2; n <= 100; n++) expect(rebind(segment, filled(1, n), 0, PAGE)).toBe(0);
  expect(rebind(segment, filled(1, 0xff), 0, PAGE)).toBe(0);
  const { codes, values } = await reading;
  expect(codes).toEqual([0]);
  expect(values.filter((value) => value > 100 && value !== 0xff)).toEqual([]);
  const after = await importer.run(({ rsm, kept }) => {
    const data = new Uint8Array(4096);
    rsm.rsm_memseg_import_get(kept.imported.segment, 0, data, 4096);
    return data.every((value) => value === 0xff);
  });
  expect(after).toBe(true);
});

test('C-061 rebind to memory that cannot be exported returns BAD_ADDR', () => {
  const { segment } = exported({ flags: REBIND });
  const gone = filled(1, 0);
  release(gone);
  const bad = [new ArrayBuffer(PAGE), new SharedArrayBuffer(PAGE), gone, {}, 5];
  for (const vaddr of bad) expect(rebind(segment, vaddr as never, 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  const { segment: two } = exported({ flags: REBIND, pages: 2 });
  expect(rebind(two, filled(1, 0), 0, 2 * PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
});

test('C-061 rebind to a range that partly overlaps an exported one returns INSUFFICIENT_RESOURCES (D-52)', () => {
  const { segment } = exported({ flags: REBIND });
  const { memory } = exported({ pages: 2 });
  expect(rebind(segment, memory, 0, PAGE)).toBe(rsm.RSMERR_INSUFFICIENT_RESOURCES);
});

test('C-063 rebind of an unpublished segment: importers of a later publish see the new memory', () => {
  const { segment } = exported({ flags: REBIND, id: false });
  expect(rebind(segment, filled(1, 0x21), 0, PAGE)).toBe(0);
  const id = rsm.out<number>(0);
  expect(rsm.rsm_memseg_export_publish(segment, id, null, 0)).toBe(0);
  expect(byteAt(imported({ id: id.value! }).segment, 0)).toBe(0x21);
});

test('C-064 a failed rebind leaves the previous memory bound', () => {
  const { segment, id, bytes } = exported({ flags: REBIND });
  const { segment: importer } = imported({ id });
  bytes.fill(6);
  expect(rebind(segment, new ArrayBuffer(PAGE), 0, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
  expect(rebind(segment, filled(2, 0), 0, 2 * PAGE)).toBe(rsm.RSMERR_BAD_LENGTH);
  expect(byteAt(importer, 0)).toBe(6);
  expect(rsm.rsm_memseg_import_put8(importer, 0, new Uint8Array([7]), 1)).toBe(0);
  expect(bytes[0]).toBe(7);
});

test('C-065 rebind copies nothing: the segment shows the bytes of the new range', () => {
  const { segment, id, bytes } = exported({ flags: REBIND });
  const { segment: importer } = imported({ id });
  bytes.fill(0xaa);
  const fresh = filled(1, 0);
  new Uint8Array(fresh)[1] = 0xbb;
  expect(rebind(segment, fresh, 0, PAGE)).toBe(0);
  expect([byteAt(importer, 0), byteAt(importer, 1)]).toEqual([0, 0xbb]);
  expect(bytes[0]).toBe(0xaa);
});
