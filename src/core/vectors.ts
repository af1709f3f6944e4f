/** Scatter/gather: several local ranges, one remote segment (rsmapi.md 2.6, D-18). */
import {
  RSMERR_BAD_ADDR,
  RSMERR_BAD_LENGTH,
  RSMERR_BAD_OFFSET,
  RSMERR_BAD_SGIO,
  RSMERR_PERM_DENIED,
  RsmError,
} from '../errors.ts';
import { bytesAt } from './addresses.ts';
import {
  RSM_HANDLE_TYPE,
  RSM_MAX_SGIOREQS,
  RSM_PERM_READ,
  RSM_PERM_WRITE,
  RSM_VA_TYPE,
} from './constants.ts';
import type { ImportSegment } from './import-segment.ts';
import { LocalMemory } from './local-memory.ts';
import { isSize } from './numbers.ts';
import { copyIn, copyOut } from './transfer.ts';
import { getUnmapped, putUnmapped } from './unmapped.ts';
import type { Window } from './window.ts';

/** One entry as it came from a program: anything may be anything. */
export interface VectorEntry {
  /** RSM_HANDLE_TYPE or RSM_VA_TYPE. */
  readonly type: unknown;
  /** A local-memory handle, or a buffer or view. */
  readonly local: unknown;
  readonly localOffset: unknown;
  readonly remoteOffset: unknown;
  readonly length: unknown;
}

export type Direction = 'putv' | 'getv';

/** @throws RsmError BAD_SGIO: not 1 to 16 entries (C-136) */
export function checkVectorCount(direction: Direction, count: unknown): asserts count is number {
  if (!isSize(count) || count === 0 || count > RSM_MAX_SGIOREQS)
    throw new RsmError(RSMERR_BAD_SGIO, direction);
}

/**
 * Moves the entries in order; the first that fails ends it (C-139, C-140).
 * @param entryAt reads an entry; it is read when its turn comes
 * @param done is told how many entries are complete
 */
export function transferVector(
  direction: Direction,
  segment: ImportSegment,
  count: number,
  entryAt: (index: number) => VectorEntry,
  done?: (entries: number) => void,
): void {
  const window = segment.admitVector(direction);
  for (let i = 0; i < count; i++) {
    transferEntry(direction, segment, window, entryAt(i));
    done?.(i + 1);
  }
}

function transferEntry(
  direction: Direction,
  segment: ImportSegment,
  window: Window,
  entry: VectorEntry,
): void {
  const { localOffset, remoteOffset, length } = entry;
  const local = localBytes(direction, entry);
  const wanted = direction === 'putv' ? RSM_PERM_WRITE : RSM_PERM_READ;
  if ((window.permission & wanted) === 0) throw new RsmError(RSMERR_PERM_DENIED, direction);
  if (!isSize(remoteOffset) || remoteOffset < window.start || remoteOffset > window.end) {
    throw new RsmError(RSMERR_BAD_OFFSET, direction);
  }
  if (!isSize(length) || remoteOffset + length > window.end || window.detached) {
    throw new RsmError(RSMERR_BAD_LENGTH, direction);
  }
  if (!isSize(localOffset) || localOffset + length > local.length) {
    throw new RsmError(RSMERR_BAD_LENGTH, direction, 'the entry leaves the local memory');
  }
  if (window.transfers !== null) {
    if (direction === 'putv')
      putUnmapped(direction, segment, window.transfers, remoteOffset, local, localOffset, length);
    else getUnmapped(direction, segment, window.transfers, remoteOffset, local, localOffset, length);
    return;
  }
  const remoteAt = remoteOffset - window.start;
  if (direction === 'putv') {
    copyIn(local, localOffset, window, remoteAt, length);
    segment.putDone(direction, length);
  } else {
    copyOut(window, remoteAt, local, localOffset, length);
    segment.getDone(direction, length);
  }
}

function localBytes(direction: Direction, { type, local }: VectorEntry): Uint8Array {
  if (type !== RSM_HANDLE_TYPE && type !== RSM_VA_TYPE) throw new RsmError(RSMERR_BAD_SGIO, direction);
  const bytes = type === RSM_HANDLE_TYPE ? LocalMemory.bytesOf(local) : bytesAt(local);
  if (bytes !== null) return bytes;
  throw new RsmError(type === RSM_HANDLE_TYPE ? RSMERR_BAD_SGIO : RSMERR_BAD_ADDR, direction);
}
