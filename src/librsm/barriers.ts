/** Barriers (rsmapi.md 2.8). */
import { Barrier, ImportSegment } from '../core/index.ts';
import { call } from './call.ts';
import type { rsm_barrier_type_t, rsm_memseg_import_handle_t, rsmapi_barrier_t } from './types.ts';

/** The structure that a C program declares: owned by the caller, not initialised. */
export function rsmapi_barrier(): rsmapi_barrier_t {
  return new Barrier() as unknown as rsmapi_barrier_t;
}

/** Any type is taken as RSM_BAR_DEFAULT (D-21). BAD_SEG_HNDL, BAD_BARRIER_PTR. */
export function rsm_memseg_import_init_barrier(
  im_memseg: rsm_memseg_import_handle_t,
  _type: rsm_barrier_type_t,
  barrier: rsmapi_barrier_t,
): number {
  return call(() => {
    const segment = ImportSegment.from(im_memseg, 'init_barrier');
    Barrier.from(barrier, 'init_barrier').init(segment);
  });
}

/** BAD_BARRIER_PTR, BARRIER_UNINITIALIZED. */
export function rsm_memseg_import_open_barrier(barrier: rsmapi_barrier_t): number {
  return call(() => Barrier.from(barrier, 'open_barrier').open());
}

/** BAD_BARRIER_PTR, BARRIER_UNINITIALIZED, CONN_ABORTED, BARRIER_NOT_OPENED. */
export function rsm_memseg_import_close_barrier(barrier: rsmapi_barrier_t): number {
  return call(() => Barrier.from(barrier, 'close_barrier').close());
}

/** BAD_BARRIER_PTR, BARRIER_UNINITIALIZED, BARRIER_NOT_OPENED, CONN_ABORTED. */
export function rsm_memseg_import_order_barrier(barrier: rsmapi_barrier_t): number {
  return call(() => Barrier.from(barrier, 'order_barrier').order());
}

/** BAD_BARRIER_PTR, BARRIER_UNINITIALIZED. */
export function rsm_memseg_import_destroy_barrier(barrier: rsmapi_barrier_t): number {
  return call(() => Barrier.from(barrier, 'destroy_barrier').destroy());
}
