/**
 * put and get on segments that cannot be mapped. In implicit mode a transfer is there when it returns (rsmapi.md
 * 2.6, steps 10 and 11); in explicit mode what becomes of it shows when the barrier is closed.
 */
import { type DriverTransfers, GETS, PUTS } from '../drivers/driver.ts';
import { RSM_BARRIER_MODE_IMPLICIT } from './constants.ts';
import type { ImportSegment } from './import-segment.ts';

/** From `length` bytes at `at` of a view. The range has been checked. */
export function putUnmapped(
  operation: string,
  segment: ImportSegment,
  transfers: DriverTransfers,
  offset: number,
  from: ArrayBufferView,
  at: number,
  length: number,
): void {
  const implicit = segment.mode === RSM_BARRIER_MODE_IMPLICIT;
  const done = transfers.put(offset, from, at, length, implicit);
  if (implicit && !done) throw segment.broken(operation);
  segment.count(PUTS, length);
}

/** The same in the other direction. */
export function getUnmapped(
  operation: string,
  segment: ImportSegment,
  transfers: DriverTransfers,
  offset: number,
  to: ArrayBufferView,
  at: number,
  length: number,
): void {
  const implicit = segment.mode === RSM_BARRIER_MODE_IMPLICIT;
  const done = transfers.get(offset, to, at, length, implicit);
  if (implicit && !done) throw segment.broken(operation);
  segment.count(GETS, length);
}

/** All of a view, on the event loop. */
export async function putUnmappedAsync(
  segment: ImportSegment,
  transfers: DriverTransfers,
  offset: number,
  from: Uint8Array,
): Promise<void> {
  const implicit = segment.mode === RSM_BARRIER_MODE_IMPLICIT;
  const { length } = from;
  const done = await transfers.putAsync(offset, from, 0, length);
  if (implicit && !done) throw segment.broken('put');
  if (segment.live) segment.count(PUTS, length); // else the counters are somebody else's by now
}

/** The same in the other direction. */
export async function getUnmappedAsync(
  segment: ImportSegment,
  transfers: DriverTransfers,
  offset: number,
  to: Uint8Array,
): Promise<void> {
  const implicit = segment.mode === RSM_BARRIER_MODE_IMPLICIT;
  const { length } = to;
  const done = await transfers.getAsync(offset, to, 0, length);
  if (implicit && !done) throw segment.broken('get');
  if (segment.live) segment.count(GETS, length);
}
