/** What counts as a number of RSMAPI. Nothing is converted: '3', 1.5 and NaN are not numbers here. */

/** Ids, permissions and flags: unsigned 32-bit. */
export function isUint32(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value;
}

/** Sizes, offsets and counts: 0 … 2^53 - 1. */
export function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Rounded up to a multiple of `unit`, a power of two; beyond 2^32 too, where bit operations fail. */
export function roundUp(size: number, unit: number): number {
  const rest = size % unit;
  return rest === 0 ? size : size + unit - rest;
}
