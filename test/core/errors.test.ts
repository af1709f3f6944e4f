/** The table of result codes and the error class. */
import { expect, test } from 'vitest';
import * as errors from '../../src/errors.ts';

const constants = Object.entries(errors).filter(([name]) => /^RSM(ERR)?_/.test(name)) as [string, number][];

test('every constant has its row, and every row its constant', () => {
  const rows = [...errors.resultCodes()].map(([code, { name }]) => [name, code]);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(constants));
  expect(new Set(constants.map(([, code]) => code)).size).toBe(constants.length);
});

test('there are the codes 0 to 45 and 100 to 134', () => {
  const expected = [...Array(46).keys(), ...Array.from({ length: 35 }, (_, i) => 100 + i)];
  expect(constants.map(([, code]) => code).sort((a, b) => a - b)).toEqual(expected);
});

test.each([...errors.resultCodes()])('%i has a sentence for a person', (_code, { sentence }) => {
  expect(sentence).toMatch(/^[A-Z].*\.$/s);
});

test('an error says operation, sentence and name', () => {
  const cause = new Error('inside');
  const error = new errors.RsmError(errors.RSMERR_SEG_NOT_PUBLISHED, 'connect', undefined, { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: 'RsmError',
    code: 'RSMERR_SEG_NOT_PUBLISHED',
    result: 7,
    operation: 'connect',
    retryable: true,
    cause,
  });
  expect(error.message).toMatch(/^connect: No segment is published .* \(RSMERR_SEG_NOT_PUBLISHED\)$/);
});

test('a detail takes the place of the sentence, and without a cause there is none', () => {
  const error = new errors.RsmError(errors.RSMERR_CONN_ABORTED, 'put', 'gone');
  expect(error.message).toBe('put: gone (RSMERR_CONN_ABORTED)');
  expect(error.retryable).toBe(false);
  expect(Object.hasOwn(error, 'cause')).toBe(false);
});

test('RsmError.is asks nothing of the value', () => {
  const hostile = new Proxy(
    {},
    {
      getPrototypeOf: () => {
        throw new Error('no');
      },
      get: () => {
        throw new Error('no');
      },
    },
  );
  const forged = Object.create(errors.RsmError.prototype);
  for (const value of [hostile, forged, new Error('x'), null, undefined, 7, 'RSMERR_TIMEOUT']) {
    expect(errors.RsmError.is(value)).toBe(false);
  }
  expect(errors.RsmError.is(new errors.RsmError(errors.RSMERR_TIMEOUT, 'wait'))).toBe(true);
});
