/** putv, getv and local-memory handles (rsmapi.md 2.6). */
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import {
  arrived,
  controller,
  exported,
  filled,
  imported,
  known,
  later,
  needs,
  PAGE,
} from '../support/scene.ts';

type Vector = rsm.rsm_scat_gath_t;
const { rsm_memseg_import_putv: putv, rsm_memseg_import_getv: getv } = rsm;

function entry(
  vaddr: Uint8Array,
  remote_offset: number,
  more: Partial<rsm.rsm_iovec_t> = {},
): rsm.rsm_iovec_t {
  return {
    io_type: rsm.RSM_VA_TYPE,
    local: { vaddr },
    local_offset: 0,
    remote_offset,
    transfer_length: vaddr.byteLength,
    ...more,
  };
}

function vector(remote_handle: rsm.rsm_memseg_import_handle_t, iovec: rsm.rsm_iovec_t[], flags = 0): Vector {
  const io_request_count = iovec.length;
  return { local_nodeid: 0, io_request_count, io_residual_count: 77, flags, remote_handle, iovec };
}

/** A local-memory handle over fresh pages, freed after the test. */
function localMemory(pages = 1): { handle: rsm.rsm_localmemory_handle_t; bytes: Uint8Array } {
  const memory = filled(pages, 0);
  const handle = rsm.out<rsm.rsm_localmemory_handle_t>();
  const at = controller();
  expect(rsm.rsm_create_localmemory_handle(at, handle, memory, memory.byteLength)).toBe(0);
  later(() => rsm.rsm_free_localmemory_handle(at, handle.value!));
  return { handle: handle.value!, bytes: new Uint8Array(memory) };
}

const bytesOf = (...values: number[]): Uint8Array => new Uint8Array(values);

test('C-135 a null vector returns BAD_SGIO, a null remote handle BAD_SEG_HNDL', () => {
  for (const call of [putv, getv]) {
    expect(call(null as never)).toBe(rsm.RSMERR_BAD_SGIO);
    expect(call(vector(null as never, []))).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  }
});

test('C-136 the count of entries is 1…16', () => {
  const { segment } = imported({ id: exported().id });
  for (const call of [putv, getv]) {
    const entries = (count: number): rsm.rsm_iovec_t[] =>
      Array.from({ length: count }, (_, n) => entry(bytesOf(1), n));
    expect(call(vector(segment, []))).toBe(rsm.RSMERR_BAD_SGIO);
    expect(call(vector(segment, entries(17)))).toBe(rsm.RSMERR_BAD_SGIO);
    expect(call(vector(segment, entries(1)))).toBe(0);
    expect(call(vector(segment, entries(16)))).toBe(0);
    expect(call({ ...vector(segment, entries(1)), iovec: null as never })).toBe(rsm.RSMERR_BAD_ADDR);
  }
});

test('C-137 putv gathers, getv scatters; addresses and handles may be mixed', () => {
  const { id, bytes } = exported();
  const { segment } = imported({ id });
  const { handle, bytes: local } = localMemory();
  local.set([10, 11, 12], 100);
  const byHandle = { io_type: rsm.RSM_HANDLE_TYPE, local: { handle }, local_offset: 100, transfer_length: 3 };
  const out = vector(segment, [
    entry(bytesOf(1, 2), 0),
    entry(bytesOf(), 50, byHandle),
    entry(bytesOf(9), 60),
  ]);
  expect(putv(out)).toBe(0);
  expect([...bytes.subarray(0, 3), ...bytes.subarray(50, 54), bytes[60]]).toEqual([
    1, 2, 0, 10, 11, 12, 0, 9,
  ]);
  const target = new Uint8Array(2);
  const back = vector(segment, [entry(target, 59), entry(bytesOf(), 0, { ...byHandle, local_offset: 200 })]);
  expect(getv(back)).toBe(0);
  expect([...target, ...local.subarray(200, 203)]).toEqual([0, 9, 1, 2, 0]);
});

test('C-138 the local address is base plus local_offset', () => {
  const { id, bytes } = exported();
  const { segment } = imported({ id });
  const source = bytesOf(1, 2, 3, 4, 5, 6);
  expect(putv(vector(segment, [entry(source.subarray(1), 0, { local_offset: 2, transfer_length: 2 })]))).toBe(
    0,
  );
  expect([...bytes.subarray(0, 3)]).toEqual([4, 5, 0]);
});

describe('C-139 io_residual_count', () => {
  test('C-139 is 0 on success', () => {
    const { segment } = imported({ id: exported().id });
    const request = vector(segment, [entry(bytesOf(1), 0), entry(bytesOf(2), 1)]);
    expect(putv(request)).toBe(0);
    expect(request.io_residual_count).toBe(0);
  });

  test('C-139 counts the failing entry and those after it; those before are done', () => {
    const { id, bytes } = exported();
    const { segment } = imported({ id });
    const request = vector(segment, [
      entry(bytesOf(1), 0),
      entry(bytesOf(2), 1),
      entry(bytesOf(3), PAGE + 8),
      entry(bytesOf(4), 3),
    ]);
    expect(putv(request)).toBe(rsm.RSMERR_BAD_OFFSET);
    expect(request.io_residual_count).toBe(2);
    expect([...bytes.subarray(0, 4)]).toEqual([1, 2, 0, 0]);
  });
});

test('C-140 entries complete in order: the last one shows where they overlap', () => {
  const { id, bytes } = exported();
  const { segment } = imported({ id });
  expect(
    putv(vector(segment, [entry(bytesOf(1, 1, 1), 0), entry(bytesOf(2, 2), 1), entry(bytesOf(3), 2)])),
  ).toBe(0);
  expect([...bytes.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
});

test('C-141 with RSM_IMPLICIT_SIGPOST a success posts one event, a failure none', () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  const flags = rsm.RSM_IMPLICIT_SIGPOST;
  expect(putv(vector(segment, [entry(bytesOf(1), 0), entry(bytesOf(1), 1)], flags))).toBe(0);
  expect(rsm.rsm_intr_signal_wait(owner, 1000)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(owner, 0)).toBe(rsm.RSMERR_TIMEOUT);
  expect(getv(vector(segment, [entry(bytesOf(1), 0)], flags))).toBe(0);
  expect(rsm.rsm_intr_signal_wait(owner, 1000)).toBe(0);
  expect(putv(vector(segment, [entry(bytesOf(1), 0), entry(bytesOf(1), PAGE)], flags))).toBeGreaterThan(0);
  expect(rsm.rsm_intr_signal_wait(owner, 0)).toBe(rsm.RSMERR_TIMEOUT);
});

test('C-142 the flags field is unchanged', () => {
  const { segment } = imported({ id: exported().id });
  for (const flags of [0, 1, 2, 3, 0xff00]) {
    const request = vector(segment, [entry(bytesOf(1), 0)], flags);
    expect(putv(request)).toBe(0);
    expect(request.flags).toBe(flags);
  }
});

test('C-143 RSM_SIGPOST_NO_ACCUMULATE adds no event to a pending one, and posts nothing by itself', () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  const both = rsm.RSM_IMPLICIT_SIGPOST | rsm.RSM_SIGPOST_NO_ACCUMULATE;
  const send = (flags: number): number => putv(vector(segment, [entry(bytesOf(1), 0)], flags));
  expect(send(rsm.RSM_SIGPOST_NO_ACCUMULATE)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(owner, 0)).toBe(rsm.RSMERR_TIMEOUT);
  for (let n = 0; n < 3; n++) expect(send(both)).toBe(0);
  arrived(segment);
  expect(rsm.rsm_intr_signal_wait(owner, 1000)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(owner, 0)).toBe(rsm.RSMERR_TIMEOUT);
});

test('C-144 an entry that starts behind the end returns BAD_OFFSET, one that ends there BAD_LENGTH', () => {
  const { segment } = imported({ id: exported().id });
  for (const call of [putv, getv]) {
    expect(call(vector(segment, [entry(bytesOf(1), PAGE + 1)]))).toBe(rsm.RSMERR_BAD_OFFSET);
    expect(call(vector(segment, [entry(bytesOf(1, 2), PAGE - 1)]))).toBe(rsm.RSMERR_BAD_LENGTH);
    expect(call(vector(segment, [entry(bytesOf(1, 2), PAGE - 2)]))).toBe(0);
  }
});

test('C-144 permission, the local range and a broken connection are checked too (D-18)', async () => {
  const { segment: owner, id } = exported();
  const { segment: reader } = imported({ id, mode: 0o400 });
  const { segment: writer } = imported({ id, mode: 0o200 });
  expect(putv(vector(reader, [entry(bytesOf(1), 0)]))).toBe(rsm.RSMERR_PERM_DENIED);
  expect(getv(vector(writer, [entry(bytesOf(1), 0)]))).toBe(rsm.RSMERR_PERM_DENIED);
  const { handle } = localMemory();
  const beyond = {
    io_type: rsm.RSM_HANDLE_TYPE,
    local: { handle },
    local_offset: PAGE - 1,
    transfer_length: 2,
  };
  expect(getv(vector(reader, [entry(bytesOf(), 0, beyond)]))).toBe(rsm.RSMERR_BAD_LENGTH);
  expect(rsm.rsm_memseg_export_destroy(owner)).toBe(0);
  expect(getv(vector(reader, [entry(bytesOf(1), 0)]))).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(rsm.rsm_memseg_import_set_mode(writer, rsm.RSM_BARRIER_MODE_EXPLICIT)).toBe(0);
  await known(() => expect(putv(vector(writer, [entry(bytesOf(1), 0)]))).toBe(rsm.RSMERR_CONN_ABORTED));
});

needs('map')('C-144 offsets are those of the segment, also with a window (D-19)', () => {
  const { id, bytes } = exported({ pages: 3 });
  const { segment } = imported({ id });
  expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, PAGE, PAGE)).toBe(0);
  expect(putv(vector(segment, [entry(bytesOf(8), PAGE + 1)]))).toBe(0);
  expect(bytes[PAGE + 1]).toBe(8);
  expect(putv(vector(segment, [entry(bytesOf(8), 1)]))).toBe(rsm.RSMERR_BAD_OFFSET);
});

test('C-145 an unknown io_type or a freed local handle returns BAD_SGIO', () => {
  const { segment } = imported({ id: exported().id });
  for (const io_type of [0, 3, 7])
    expect(putv(vector(segment, [entry(bytesOf(1), 0, { io_type })]))).toBe(rsm.RSMERR_BAD_SGIO);
  const { handle } = localMemory();
  const byHandle = { io_type: rsm.RSM_HANDLE_TYPE, local: { handle }, transfer_length: 1 };
  expect(putv(vector(segment, [entry(bytesOf(), 0, byHandle)]))).toBe(0);
  expect(rsm.rsm_free_localmemory_handle(controller(), handle)).toBe(0);
  expect(putv(vector(segment, [entry(bytesOf(), 0, byHandle)]))).toBe(rsm.RSMERR_BAD_SGIO);
});

test('C-146 create_localmemory_handle checks the alignment first', () => {
  const misaligned = new Uint8Array(filled(2, 0), 8);
  const create = rsm.rsm_create_localmemory_handle;
  expect(create(null as never, null as never, misaligned, 0)).toBe(rsm.RSMERR_BAD_ADDR);
  expect(create(controller(), rsm.out(), misaligned, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
});

test('C-147 then controller, out-pointer, length, null address', () => {
  const create = rsm.rsm_create_localmemory_handle;
  const memory = filled(1, 0);
  expect(create(null as never, null as never, memory, 0)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
  expect(create(controller(), null as never, memory, 0)).toBe(rsm.RSMERR_BAD_LOCALMEM_HNDL);
  expect(create(controller(), rsm.out(), memory, 0)).toBe(rsm.RSMERR_BAD_LENGTH);
  expect(create(controller(), rsm.out(), null as never, PAGE)).toBe(rsm.RSMERR_BAD_ADDR);
});

test('C-148 a local-memory handle may have any length', () => {
  const handle = rsm.out<rsm.rsm_localmemory_handle_t>();
  expect(rsm.rsm_create_localmemory_handle(controller(), handle, filled(2, 0), 5000)).toBe(0);
  expect(rsm.rsm_free_localmemory_handle(controller(), handle.value!)).toBe(0);
});

test('C-149 free_localmemory_handle checks the controller, then the handle', () => {
  const { handle } = localMemory();
  const free = rsm.rsm_free_localmemory_handle;
  expect(free(null as never, null as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
  expect(free(controller(), null as never)).toBe(rsm.RSMERR_BAD_LOCALMEM_HNDL);
  expect(free(controller(), {} as never)).toBe(rsm.RSMERR_BAD_LOCALMEM_HNDL);
  expect(free(controller(), handle)).toBe(0);
  expect(free(controller(), handle)).toBe(rsm.RSMERR_BAD_LOCALMEM_HNDL);
});
