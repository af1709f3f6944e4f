/**
 * put and get (rsmapi.md 2.6). The hot path: one function per size, so that each sees one kind of array.
 * Items move as whole units in ascending order, blocks as memcpy. Never DataView: its 64-bit accesses tear.
 */
import { RSMERR_BAD_ADDR, RSMERR_BAD_MEM_ALIGNMENT, RsmError } from '../errors.ts';
import { typedArrayName } from './addresses.ts';
import { RSM_PERM_READ, RSM_PERM_WRITE } from './constants.ts';
import type { ImportSegment } from './import-segment.ts';
import { getUnmapped, getUnmappedAsync, putUnmapped, putUnmappedAsync } from './unmapped.ts';
import type { Window } from './window.ts';

/** V8 looks `set` up on each call of it as a method. */
const { set } = Uint8Array.prototype;
/** Up to here a loop is faster than making the view that a block copy needs. */
const SHORT_BYTES = 32;

export function put8(segment: ImportSegment, offset: number, source: unknown, count: number): void {
  if (!(source instanceof Uint8Array) && typedArrayName(source) !== 'Uint8Array')
    throw badPointer('put8', source, 1);
  const from = source as Uint8Array;
  const window = segment.admit('put8', offset, 1, count, from.length, RSM_PERM_WRITE);
  if (window.transfers !== null) {
    putUnmapped('put8', segment, window.transfers, offset, from, 0, count);
    return;
  }
  const to = window.bytes;
  const at = offset - window.start;
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
  segment.putDone('put8', count);
}

export function put16(segment: ImportSegment, offset: number, source: unknown, count: number): void {
  if (!(source instanceof Uint16Array) && typedArrayName(source) !== 'Uint16Array')
    throw badPointer('put16', source, 2);
  const from = source as Uint16Array;
  const window = segment.admit('put16', offset, 2, count, from.length, RSM_PERM_WRITE);
  if (window.transfers !== null) {
    putUnmapped('put16', segment, window.transfers, offset, from, 0, count * 2);
    return;
  }
  const to = window.words16;
  const at = (offset - window.start) / 2;
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
  segment.putDone('put16', count * 2);
}

export function put32(segment: ImportSegment, offset: number, source: unknown, count: number): void {
  if (!(source instanceof Uint32Array) && typedArrayName(source) !== 'Uint32Array')
    throw badPointer('put32', source, 4);
  const from = source as Uint32Array;
  const window = segment.admit('put32', offset, 4, count, from.length, RSM_PERM_WRITE);
  if (window.transfers !== null) {
    putUnmapped('put32', segment, window.transfers, offset, from, 0, count * 4);
    return;
  }
  const to = window.words32;
  const at = (offset - window.start) / 4;
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
  segment.putDone('put32', count * 4);
}

export function put64(segment: ImportSegment, offset: number, source: unknown, count: number): void {
  if (!(source instanceof BigUint64Array) && typedArrayName(source) !== 'BigUint64Array')
    throw badPointer('put64', source, 8);
  const from = source as BigUint64Array;
  const window = segment.admit('put64', offset, 8, count, from.length, RSM_PERM_WRITE);
  if (window.transfers !== null) {
    putUnmapped('put64', segment, window.transfers, offset, from, 0, count * 8);
    return;
  }
  const to = window.words64;
  const at = (offset - window.start) / 8;
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
  segment.putDone('put64', count * 8);
}

export function get8(segment: ImportSegment, offset: number, target: unknown, count: number): void {
  if (!(target instanceof Uint8Array) && typedArrayName(target) !== 'Uint8Array')
    throw badPointer('get8', target, 1);
  const to = target as Uint8Array;
  const window = segment.admit('get8', offset, 1, count, to.length, RSM_PERM_READ);
  if (window.transfers !== null) {
    getUnmapped('get8', segment, window.transfers, offset, to, 0, count);
    return;
  }
  const from = window.bytes;
  const at = offset - window.start;
  for (let i = 0; i < count; i++) to[i] = from[at + i]!;
  segment.getDone('get8', count);
}

export function get16(segment: ImportSegment, offset: number, target: unknown, count: number): void {
  if (!(target instanceof Uint16Array) && typedArrayName(target) !== 'Uint16Array')
    throw badPointer('get16', target, 2);
  const to = target as Uint16Array;
  const window = segment.admit('get16', offset, 2, count, to.length, RSM_PERM_READ);
  if (window.transfers !== null) {
    getUnmapped('get16', segment, window.transfers, offset, to, 0, count * 2);
    return;
  }
  const from = window.words16;
  const at = (offset - window.start) / 2;
  for (let i = 0; i < count; i++) to[i] = from[at + i]!;
  segment.getDone('get16', count * 2);
}

export function get32(segment: ImportSegment, offset: number, target: unknown, count: number): void {
  if (!(target instanceof Uint32Array) && typedArrayName(target) !== 'Uint32Array')
    throw badPointer('get32', target, 4);
  const to = target as Uint32Array;
  const window = segment.admit('get32', offset, 4, count, to.length, RSM_PERM_READ);
  if (window.transfers !== null) {
    getUnmapped('get32', segment, window.transfers, offset, to, 0, count * 4);
    return;
  }
  const from = window.words32;
  const at = (offset - window.start) / 4;
  for (let i = 0; i < count; i++) to[i] = from[at + i]!;
  segment.getDone('get32', count * 4);
}

export function get64(segment: ImportSegment, offset: number, target: unknown, count: number): void {
  if (!(target instanceof BigUint64Array) && typedArrayName(target) !== 'BigUint64Array')
    throw badPointer('get64', target, 8);
  const to = target as BigUint64Array;
  const window = segment.admit('get64', offset, 8, count, to.length, RSM_PERM_READ);
  if (window.transfers !== null) {
    getUnmapped('get64', segment, window.transfers, offset, to, 0, count * 8);
    return;
  }
  const from = window.words64;
  const at = (offset - window.start) / 8;
  for (let i = 0; i < count; i++) to[i] = from[at + i]!;
  segment.getDone('get64', count * 8);
}

/** The first `length` bytes of `from`; null is the null pointer. */
export function put(segment: ImportSegment, offset: number, from: Uint8Array | null, length: number): void {
  if (from === null) throw new RsmError(RSMERR_BAD_ADDR, 'put');
  const window = segment.admit('put', offset, 1, length, from.length, RSM_PERM_WRITE);
  if (window.transfers !== null) {
    putUnmapped('put', segment, window.transfers, offset, from, 0, length);
    return;
  }
  copyIn(from, 0, window, offset - window.start, length);
  segment.putDone('put', length);
}

/** The same in the other direction. */
export function get(segment: ImportSegment, offset: number, to: Uint8Array | null, length: number): void {
  if (to === null) throw new RsmError(RSMERR_BAD_ADDR, 'get');
  const window = segment.admit('get', offset, 1, length, to.length, RSM_PERM_READ);
  if (window.transfers !== null) {
    getUnmapped('get', segment, window.transfers, offset, to, 0, length);
    return;
  }
  copyOut(window, offset - window.start, to, 0, length);
  segment.getDone('get', length);
}

/** `put` of all of `from`, on the event loop where it takes time: on memory that is mapped it is done at once. */
export async function putAsync(
  segment: ImportSegment,
  offset: number,
  from: Uint8Array | null,
): Promise<void> {
  if (from === null) throw new RsmError(RSMERR_BAD_ADDR, 'put');
  const { transfers } = segment.admit('put', offset, 1, from.length, from.length, RSM_PERM_WRITE);
  if (transfers !== null) return putUnmappedAsync(segment, transfers, offset, from);
  put(segment, offset, from, from.length);
}

/** The same in the other direction. */
export async function getAsync(segment: ImportSegment, offset: number, to: Uint8Array | null): Promise<void> {
  if (to === null) throw new RsmError(RSMERR_BAD_ADDR, 'get');
  const { transfers } = segment.admit('get', offset, 1, to.length, to.length, RSM_PERM_READ);
  if (transfers !== null) return getUnmappedAsync(segment, transfers, offset, to);
  get(segment, offset, to, to.length);
}

/**
 * Into the window; both ranges have been checked. As memmove where a program can have both on one buffer,
 * which takes an explicit mapping.
 */
export function copyIn(from: Uint8Array, fromAt: number, window: Window, at: number, length: number): void {
  const to = window.bytes;
  if (length <= SHORT_BYTES && !window.explicit) {
    for (let i = 0; i < length; i++) to[at + i] = from[fromAt + i]!;
  } else if (length === from.length) {
    set.call(to, from, at);
  } else {
    set.call(to, new Uint8Array(from.buffer, from.byteOffset + fromAt, length), at);
  }
}

/** Out of the window, likewise. */
export function copyOut(window: Window, at: number, to: Uint8Array, toAt: number, length: number): void {
  const from = window.bytes;
  if (length <= SHORT_BYTES && !window.explicit) {
    for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!;
  } else {
    set.call(to, window.part(at, length), toAt);
  }
}

/** Nothing where a pointer must be, a misaligned one (C-118), or an array of another kind of item. */
function badPointer(operation: string, value: unknown, width: number): RsmError {
  const misaligned = ArrayBuffer.isView(value) && value.byteOffset % width !== 0;
  const code = misaligned ? RSMERR_BAD_MEM_ALIGNMENT : RSMERR_BAD_ADDR;
  return new RsmError(code, operation);
}
