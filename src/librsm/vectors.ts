/** Scatter/gather and local-memory handles (rsmapi.md 2.6). */
import {
  Controller,
  checkVectorCount,
  type Direction,
  ImportSegment,
  isUint32,
  LocalMemory,
  RSM_HANDLE_TYPE,
  RSM_IMPLICIT_SIGPOST,
  RSM_SIGPOST_NO_ACCUMULATE,
  transferVector,
  type VectorEntry,
} from '../core/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_LOCALMEM_HNDL, RSMERR_BAD_SGIO, RsmError } from '../errors.ts';
import { call, checkPointer, type Out, storeMade, touch } from './call.ts';
import type {
  Address,
  rsm_iovec_t,
  rsm_localmemory_handle_t,
  rsm_scat_gath_t,
  rsmapi_controller_handle_t,
} from './types.ts';

/** From the segment into the local ranges. BAD_SGIO, BAD_SEG_HNDL, …: as putv. */
export function rsm_memseg_import_getv(sg_io: rsm_scat_gath_t): number {
  return call(() => vector('getv', sg_io));
}

/**
 * From the local ranges into the segment. BAD_SGIO, BAD_SEG_HNDL, BAD_ADDR, CONN_ABORTED, PERM_DENIED,
 * BAD_OFFSET, BAD_LENGTH, or what the post says (C-135 … C-145).
 */
export function rsm_memseg_import_putv(sg_io: rsm_scat_gath_t): number {
  return call(() => vector('putv', sg_io));
}

function vector(direction: Direction, sg_io: rsm_scat_gath_t): void {
  checkPointer(direction, RSMERR_BAD_SGIO, sg_io);
  const { remote_handle, io_request_count, iovec, flags } = touch(direction, RSMERR_BAD_SGIO, () => {
    const { remote_handle, io_request_count, iovec, flags } = sg_io;
    return { remote_handle, io_request_count, iovec, flags };
  });
  const segment = ImportSegment.from(remote_handle, direction);
  checkVectorCount(direction, io_request_count);
  checkPointer(direction, RSMERR_BAD_ADDR, iovec);
  if (!isUint32(flags)) throw new RsmError(RSMERR_BAD_SGIO, direction);
  const done = (entries: number) =>
    touch(direction, RSMERR_BAD_SGIO, () => {
      sg_io.io_residual_count = io_request_count - entries;
    });
  done(0);
  const entryAt = (index: number) => touch(direction, RSMERR_BAD_ADDR, () => entryOf(iovec[index]!));
  transferVector(direction, segment, io_request_count, entryAt, done);
  if ((flags & RSM_IMPLICIT_SIGPOST) !== 0) segment.post((flags & RSM_SIGPOST_NO_ACCUMULATE) !== 0);
}

function entryOf(entry: rsm_iovec_t): VectorEntry {
  const { io_type: type, local, local_offset: localOffset, remote_offset: remoteOffset } = entry;
  const { handle, vaddr } = local as { handle?: rsm_localmemory_handle_t; vaddr?: Address };
  const address = type === RSM_HANDLE_TYPE ? handle : vaddr;
  return { type, local: address, localOffset, remoteOffset, length: entry.transfer_length };
}

/** BAD_ADDR, BAD_CTLR_HNDL, BAD_LOCALMEM_HNDL, BAD_LENGTH, in the order of C-146 and C-147. */
export function rsm_create_localmemory_handle(
  controller: rsmapi_controller_handle_t,
  l_handle: Out<rsm_localmemory_handle_t>,
  local_vaddr: Address,
  length: number,
): number {
  const operation = 'create_localmemory_handle';
  return call(() => {
    LocalMemory.checkAddress(local_vaddr);
    const through = Controller.from(controller, operation);
    checkPointer(operation, RSMERR_BAD_LOCALMEM_HNDL, l_handle);
    const made = LocalMemory.create(through, local_vaddr, length);
    storeMade(operation, RSMERR_BAD_LOCALMEM_HNDL, l_handle, made, () => made.free());
  });
}

/** BAD_CTLR_HNDL, BAD_LOCALMEM_HNDL (C-149). */
export function rsm_free_localmemory_handle(
  controller: rsmapi_controller_handle_t,
  l_handle: rsm_localmemory_handle_t,
): number {
  const operation = 'free_localmemory_handle';
  return call(() => LocalMemory.from(l_handle, Controller.from(controller, operation), operation).free());
}
