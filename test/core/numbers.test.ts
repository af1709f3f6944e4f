/** What counts as a number, and the ranges of segment ids. */
import { constants } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alignmentUnit } from '../../src/core/attributes.ts';
import { isSize, isUint32, roundUp } from '../../src/core/numbers.ts';
import { checkSegmentId, isReserved } from '../../src/core/segment-ids.ts';
import { milliseconds } from '../../src/core/waiting.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_SEGID } from '../../src/errors.ts';

const NO_NUMBERS: unknown[] = [undefined, null, '1', 1n, {}, [], [1], true, Number.NaN, () => 1, Symbol('1')];

describe('isUint32 and isSize', () => {
  test.each([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('%i is both', (value) => {
    expect([isUint32(value), isSize(value)]).toEqual([true, true]);
  });

  test.each([2 ** 32, constants.MAX_LENGTH, 2 ** 53 - 1])('%i is a size only', (value) => {
    expect([isUint32(value), isSize(value)]).toEqual([false, true]);
  });

  test.each([...NO_NUMBERS, -1, 0.5, 2 ** 53, -0.5, Number.POSITIVE_INFINITY].map((value) => [value]))(
    '%s is neither',
    (value) => {
      expect([isUint32(value), isSize(value)]).toEqual([false, false]);
    },
  );
});

test('roundUp is the next multiple, beyond 2^32 too', () => {
  const unit = fc.constantFrom(1, 4096, 65_536, 2 ** 21);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 45 }), unit, (size, page) => {
      const rounded = roundUp(size, page);
      expect(rounded % page).toBe(0);
      expect(rounded - size).toBeGreaterThanOrEqual(0);
      expect(rounded - size).toBeLessThan(page);
    }),
  );
});

test('D-02 the alignment unit is the smallest page of the mask', () => {
  const unit = (pageSizes: number) => alignmentUnit({ pageSizes } as Parameters<typeof alignmentUnit>[0]);
  expect([0x4, 0x8, 0x1000, 0x804].map(unit)).toEqual([4096, 8192, 2 ** 22, 4096]);
});

describe('segment ids', () => {
  test('C-070 C-072 the reserved ranges end where they should', () => {
    expect([1, 0x3f_ffff, 0x8000_0000, 0xffff_ffff].map(isReserved)).toEqual([true, true, true, true]);
    expect([0, 0x40_0000, 0x7fff_ffff].map(isReserved)).toEqual([false, false, false]);
  });

  test.each([...NO_NUMBERS, -1, 2 ** 32].map((value) => [value]))('%s is none', (value) => {
    expect(() => checkSegmentId(value)).toThrow(expect.objectContaining({ result: RSMERR_BAD_SEGID }));
  });
});

describe('milliseconds', () => {
  test('negative and infinite times are no limit; others are whole and never shorter', () => {
    const times = [-1, -0.5, Number.POSITIVE_INFINITY, 0, 0.1, 7, 2 ** 40];
    expect(times.map((time) => milliseconds('wait', time))).toEqual([-1, -1, -1, 0, 1, 7, 0x7fff_ffff]);
  });

  test.each(NO_NUMBERS.map((value) => [value]))('%s is no time', (value) => {
    expect(() => milliseconds('wait', value)).toThrow(expect.objectContaining({ result: RSMERR_BAD_ADDR }));
  });
});
