/** Export segments (rsmapi.md 2.4). */
import {
  type AccessEntry,
  allocate,
  Controller,
  checkListGiven,
  ExportSegment,
  isUint32,
  RSM_ALLOW_REBIND,
  RSM_LOCK_OPS,
  readAccessList,
} from '../core/index.ts';
import { RSMERR_BAD_SEG_HNDL, RSMERR_BAD_SEGID } from '../errors.ts';
import { call, checkPointer, type Out, store, storeMade, touch } from './call.ts';
import type {
  Address,
  rsm_memseg_export_handle_t,
  rsm_memseg_id_t,
  rsmapi_access_entry_t,
  rsmapi_controller_handle_t,
} from './types.ts';

/** Page-aligned, zeroed memory of this process, as valloc(3C) gives; null when there is none. */
export function valloc(size: number): ArrayBuffer | null {
  try {
    return allocate(size);
  } catch {
    return null;
  }
}

/**
 * Exports [vaddr, vaddr + length): page-aligned, whole pages, memory of this library.
 * Flags: RSM_ALLOW_REBIND, RSM_CREATE_SEG_DONTWAIT (nothing here waits for resources), RSM_LOCK_OPS.
 * BAD_CTLR_HNDL, BAD_SEG_HNDL, BAD_ADDR, BAD_LENGTH, BAD_MEM_ALIGNMENT, INSUFFICIENT_MEM,
 * INSUFFICIENT_RESOURCES (C-016 … C-037).
 */
export function rsm_memseg_export_create(
  controller: rsmapi_controller_handle_t,
  memseg: Out<rsm_memseg_export_handle_t>,
  vaddr: Address,
  length: number,
  flags: number,
): number {
  return call(() => {
    const through = Controller.from(controller, 'create');
    store('create', RSMERR_BAD_SEG_HNDL, memseg, undefined);
    const has = (flag: number) => isUint32(flags) && (flags & flag) !== 0;
    const options = { allowRebind: has(RSM_ALLOW_REBIND), lockOps: has(RSM_LOCK_OPS), readOnly: false };
    const made = ExportSegment.create(through, vaddr, length, options);
    storeMade('create', RSMERR_BAD_SEG_HNDL, memseg, made, () => made.destroy());
  });
}

/** Aborts all importers; the memory stays as it is. BAD_SEG_HNDL, POLLFD_IN_USE (C-038 … C-045). */
export function rsm_memseg_export_destroy(memseg: rsm_memseg_export_handle_t): number {
  return call(() => ExportSegment.from(memseg, 'destroy').destroy());
}

/**
 * Exchanges the memory under live importers; `off` has no influence (C-058). BAD_SEG_HNDL, BAD_ADDR,
 * REBIND_NOT_ALLOWED, BAD_LENGTH, INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES (C-046 … C-065).
 */
export function rsm_memseg_export_rebind(
  memseg: rsm_memseg_export_handle_t,
  vaddr: Address,
  _off: number,
  length: number,
): number {
  return call(() => ExportSegment.from(memseg, 'rebind').rebind(vaddr, length));
}

/**
 * Makes the segment importable. `*segment_id` 0: the system chooses and stores the id. Length 0: no list,
 * every node as the umask at create says. BAD_SEGID, BAD_SEG_HNDL, BAD_ACL, SEG_ALREADY_PUBLISHED,
 * RESERVED_SEGID, BAD_ADDR, SEGID_IN_USE, INSUFFICIENT_RESOURCES (C-066 … C-088).
 */
export function rsm_memseg_export_publish(
  memseg: rsm_memseg_export_handle_t,
  segment_id: Out<rsm_memseg_id_t>,
  access_list: rsmapi_access_entry_t[] | null,
  access_list_length: number,
): number {
  return call(() => {
    checkPointer('publish', RSMERR_BAD_SEGID, segment_id);
    const wanted = touch('publish', RSMERR_BAD_SEGID, () => segment_id.value);
    const segment = ExportSegment.from(memseg, 'publish');
    checkListGiven('publish', access_list, access_list_length);
    const id = segment.publish(wanted, () => entriesOf('publish', access_list, access_list_length));
    if (wanted === 0) {
      storeMade('publish', RSMERR_BAD_SEGID, segment_id, id, () => segment.unpublish());
    }
  });
}

/** Aborts all importers; the segment can be published again. BAD_SEG_HNDL, SEG_NOT_PUBLISHED. */
export function rsm_memseg_export_unpublish(memseg: rsm_memseg_export_handle_t): number {
  return call(() => ExportSegment.from(memseg, 'unpublish').unpublish());
}

/** Replaces the access list for later connects. BAD_SEG_HNDL, SEG_NOT_PUBLISHED, BAD_ACL, BAD_ADDR. */
export function rsm_memseg_export_republish(
  memseg: rsm_memseg_export_handle_t,
  access_list: rsmapi_access_entry_t[] | null,
  access_list_length: number,
): number {
  return call(() => {
    const segment = ExportSegment.from(memseg, 'republish');
    segment.republish(() => entriesOf('republish', access_list, access_list_length));
  });
}

function entriesOf(operation: string, list: rsmapi_access_entry_t[] | null, length: number): AccessEntry[] {
  return readAccessList(operation, list, length, (entry) => {
    const { ae_node: node, ae_permission: permission } = entry as rsmapi_access_entry_t;
    return { node, permission };
  });
}
