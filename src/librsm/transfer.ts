/**
 * put and get (rsmapi.md 2.6): `offset` in bytes from the start of the segment, `rep_cnt` items of N bits.
 * All of them: BAD_SEG_HNDL, BAD_ADDR, BAD_MEM_ALIGNMENT, PERM_DENIED, BAD_OFFSET, BAD_LENGTH, MAP_FAILED,
 * BARRIER_UNINITIALIZED, CONN_ABORTED, INSUFFICIENT_RESOURCES (C-117 … C-134).
 *
 * The hot path: no closures here.
 */
import * as core from '../core/index.ts';
import { RSM_SUCCESS } from '../errors.ts';
import { codeOf } from './call.ts';
import type { Address, rsm_memseg_import_handle_t } from './types.ts';

const { ImportSegment } = core;

/** Moves `rep_cnt` items of 1 byte from the segment. */
export function rsm_memseg_import_get8(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: Uint8Array,
  rep_cnt: number,
): number {
  try {
    core.get8(ImportSegment.from(im_memseg, 'get8'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 2 bytes from the segment. */
export function rsm_memseg_import_get16(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: Uint16Array,
  rep_cnt: number,
): number {
  try {
    core.get16(ImportSegment.from(im_memseg, 'get16'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 4 bytes from the segment. */
export function rsm_memseg_import_get32(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: Uint32Array,
  rep_cnt: number,
): number {
  try {
    core.get32(ImportSegment.from(im_memseg, 'get32'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 8 bytes from the segment. */
export function rsm_memseg_import_get64(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: BigUint64Array,
  rep_cnt: number,
): number {
  try {
    core.get64(ImportSegment.from(im_memseg, 'get64'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 1 byte into the segment. */
export function rsm_memseg_import_put8(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: Uint8Array,
  rep_cnt: number,
): number {
  try {
    core.put8(ImportSegment.from(im_memseg, 'put8'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 2 bytes into the segment. */
export function rsm_memseg_import_put16(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: Uint16Array,
  rep_cnt: number,
): number {
  try {
    core.put16(ImportSegment.from(im_memseg, 'put16'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 4 bytes into the segment. */
export function rsm_memseg_import_put32(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: Uint32Array,
  rep_cnt: number,
): number {
  try {
    core.put32(ImportSegment.from(im_memseg, 'put32'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `rep_cnt` items of 8 bytes into the segment. */
export function rsm_memseg_import_put64(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  datap: BigUint64Array,
  rep_cnt: number,
): number {
  try {
    core.put64(ImportSegment.from(im_memseg, 'put64'), offset, datap, rep_cnt);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `length` bytes from the segment to `dst_addr`, as a block. */
export function rsm_memseg_import_get(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  dst_addr: Address,
  length: number,
): number {
  try {
    core.get(ImportSegment.from(im_memseg, 'get'), offset, core.bytesAt(dst_addr), length);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** Moves `length` bytes from `src_addr` into the segment, as a block. */
export function rsm_memseg_import_put(
  im_memseg: rsm_memseg_import_handle_t,
  offset: number,
  src_addr: Address,
  length: number,
): number {
  try {
    core.put(ImportSegment.from(im_memseg, 'put'), offset, core.bytesAt(src_addr), length);
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}
