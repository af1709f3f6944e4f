/** Import segments: connection, mapping, barrier mode (rsmapi.md 2.5, 2.7, 2.8). */
import { Controller, ImportSegment, isUint32, RSM_MAP_FIXED } from '../core/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_SEG_HNDL, RsmError } from '../errors.ts';
import { call, checkPointer, type Out, store, storeMade, touch } from './call.ts';
import type {
  rsm_attribute_t,
  rsm_barrier_mode_t,
  rsm_memseg_id_t,
  rsm_memseg_import_handle_t,
  rsm_node_id_t,
  rsm_permission_t,
  rsmapi_controller_handle_t,
} from './types.ts';

/**
 * Connects to a published segment; perm is RSM_PERM_READ, WRITE or RDWR. BAD_CTLR_HNDL, BAD_SEG_HNDL,
 * PERM_DENIED, CTLR_NOT_PRESENT, SEG_NOT_PUBLISHED, SEG_NOT_PUBLISHED_TO_NODE, REMOTE_NODE_UNREACHABLE,
 * INTERRUPTED, INSUFFICIENT_RESOURCES (C-100 … C-110).
 */
export function rsm_memseg_import_connect(
  controller: rsmapi_controller_handle_t,
  node_id: rsm_node_id_t,
  segment_id: rsm_memseg_id_t,
  perm: rsm_permission_t,
  im_memseg: Out<rsm_memseg_import_handle_t>,
): number {
  return call(() => {
    const through = Controller.from(controller, 'connect');
    store('connect', RSMERR_BAD_SEG_HNDL, im_memseg, undefined);
    const made = ImportSegment.connect(through, node_id, segment_id, perm);
    storeMade('connect', RSMERR_BAD_SEG_HNDL, im_memseg, made, () => made.disconnect());
  });
}

/** BAD_SEG_HNDL, SEG_STILL_MAPPED, POLLFD_IN_USE (C-111 … C-115). */
export function rsm_memseg_import_disconnect(im_memseg: rsm_memseg_import_handle_t): number {
  return call(() => ImportSegment.from(im_memseg, 'disconnect').disconnect());
}

/**
 * Maps [offset, offset + length); offset is a multiple of the page. RSM_MAP_NONE stores an ArrayBuffer,
 * RSM_MAP_FIXED maps over the memory in `address.value`. BAD_SEG_HNDL, BAD_ADDR, SEG_ALREADY_MAPPED,
 * BAD_PERMS, BAD_LENGTH, BAD_OFFSET, BAD_MEM_ALIGNMENT, CONN_ABORTED, MAP_FAILED, INSUFFICIENT_RESOURCES
 * (C-150 … C-158).
 */
export function rsm_memseg_import_map(
  im_memseg: rsm_memseg_import_handle_t,
  address: Out<ArrayBuffer | Uint8Array>,
  attr: rsm_attribute_t,
  perm: rsm_permission_t,
  offset: number,
  length: number,
): number {
  return call(() => {
    const segment = ImportSegment.from(im_memseg, 'map');
    checkPointer('map', RSMERR_BAD_ADDR, address);
    if (!isUint32(attr)) throw new RsmError(RSMERR_BAD_ADDR, 'map');
    if ((attr & RSM_MAP_FIXED) !== 0) {
      segment.map(offset, length, perm, touch('map', RSMERR_BAD_ADDR, () => address.value) ?? null);
    } else {
      const buffer = segment.map(offset, length, perm);
      storeMade('map', RSMERR_BAD_ADDR, address, buffer, () => segment.unmap());
    }
  });
}

/** BAD_SEG_HNDL, SEG_NOT_MAPPED (C-159, C-160). */
export function rsm_memseg_import_unmap(im_memseg: rsm_memseg_import_handle_t): number {
  return call(() => ImportSegment.from(im_memseg, 'unmap').unmap());
}

/** BAD_SEG_HNDL, BAD_MODE (C-173). */
export function rsm_memseg_import_set_mode(
  im_memseg: rsm_memseg_import_handle_t,
  mode: rsm_barrier_mode_t,
): number {
  return call(() => ImportSegment.from(im_memseg, 'set_mode').setMode(mode));
}

/** BAD_SEG_HNDL, BAD_ADDR (C-174). */
export function rsm_memseg_import_get_mode(
  im_memseg: rsm_memseg_import_handle_t,
  mode: Out<rsm_barrier_mode_t>,
): number {
  return call(() => store('get_mode', RSMERR_BAD_ADDR, mode, ImportSegment.from(im_memseg, 'get_mode').mode));
}
