/** What a C pointer is here: a buffer or a view on one. Values come from programs and may be anything. */
import * as types from 'node:util/types';
import type { MemoryRange } from '../drivers/driver.ts';

/** A buffer, a shared one too, or any view. */
export type BufferLike = ArrayBufferLike | ArrayBufferView;

/** The page-aligned memory that a program means; null where there is none (no buffer, a shared one). */
export function memoryAt(value: unknown): MemoryRange | null {
  if (types.isArrayBuffer(value)) return { buffer: value, byteOffset: 0, byteLength: value.byteLength };
  if (!ArrayBuffer.isView(value)) return null;
  try {
    const { buffer, byteOffset, byteLength } = value;
    return types.isArrayBuffer(buffer) ? { buffer, byteOffset, byteLength } : null;
  } catch {
    return null; // a DataView on a detached buffer
  }
}

const nameOf: (this: unknown) => string | undefined = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/**
 * The name of a typed array's class; undefined for everything else. Reads the object's nature and no
 * property of it: forged and foreign-realm arrays, proxies and throwing getters cannot mislead it.
 */
export function typedArrayName(value: unknown): string | undefined {
  return nameOf.call(value);
}

/** The bytes of a buffer or view; null where there is no memory (also when it is detached). */
export function bytesAt(value: unknown): Uint8Array | null {
  if (typedArrayName(value) === 'Uint8Array' && (value as Uint8Array).length > 0) return value as Uint8Array;
  try {
    if (types.isAnyArrayBuffer(value)) return new Uint8Array(value);
    if (!ArrayBuffer.isView(value)) return null;
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  } catch {
    return null;
  }
}
