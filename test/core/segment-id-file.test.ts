/** The segment-id file as text (rsmapi.md 3.9). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findRange } from '../../src/core/segment-id-file.ts';
import { RSMERR_BAD_APPID, RSMERR_BAD_CONF } from '../../src/errors.ts';

const find = (text: string, application = 'SUNWfoo') => findRange(text, application, 'rsm.segmentid');
const failing = (result: number) => expect.objectContaining({ result });

describe('a range', () => {
  test.each([
    ['C-196 hexadecimal base, decimal length', 'reserved SUNWfoo 0x600000 1000'],
    ['C-196 without 0x', 'reserved SUNWfoo 600000 1000'],
    ['C-197 the other keyword', 'reserve SUNWfoo 0x600000 1000'],
    ['C-197 in any letter case', 'RESERVED SUNWfoo 0X600000 1000'],
    ['C-198 the application too', 'reserved sunwFOO 0x600000 1000'],
    ['tabs, and blanks in front', ' \treserved\tSUNWfoo \t 0x600000\t1000'],
    ['what follows is ignored', 'reserved SUNWfoo 0x600000 1000 for testing'],
    ['C-199 comments are skipped', '# one\n  # two\nreserved SUNWfoo 0x600000 1000'],
    ['C-198 the first line wins', 'reserved SUNWfoo 0x600000 1000\nreserved SUNWfoo 1 1'],
    ['C-199 what is malformed behind it is not seen', 'reserved SUNWfoo 0x600000 1000\n\nrubbish'],
    ['other applications in front', 'reserved other 0x1 1\nreserved SUNWfoo 0x600000 1000'],
  ])('%s', (_name, text) => {
    expect(find(text)).toEqual({ base: 0x600000, length: 1000 });
    expect(find(`${text}\n`)).toEqual({ base: 0x600000, length: 1000 });
  });

  test('C-196 any base and length that 32 bits hold', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(word, word, (base, length) => {
        const text = `reserved SUNWfoo 0x${base.toString(16)} ${length}`;
        expect(find(text)).toEqual({ base, length });
      }),
    );
  });
});

describe('no range', () => {
  test.each([
    ['C-199 an empty line', '\nreserved SUNWfoo 0x600000 1000'],
    ['C-199 an incomplete line', 'reserved other 0x1\nreserved SUNWfoo 0x600000 1000'],
    ['C-197 another keyword', 'allocate SUNWfoo 0x600000 1000'],
    ['a base that is no number', 'reserved SUNWfoo 0xzz 1000'],
    ['a base beyond 32 bits', 'reserved SUNWfoo 0x100000000 1000'],
    ['a hexadecimal length', 'reserved SUNWfoo 0x600000 0x10'],
    ['a negative length', 'reserved SUNWfoo 0x600000 -1'],
    ['a length beyond 32 bits', 'reserved SUNWfoo 0x600000 4294967296'],
    ['a line of more than 255 bytes', `reserved SUNWfoo 0x600000 1000 ${'x'.repeat(255)}`],
  ])('%s is BAD_CONF', (_name, text) => {
    expect(() => find(text)).toThrow(failing(RSMERR_BAD_CONF));
  });

  test.each([
    ['an empty file', ''],
    ['comments only', '# reserved SUNWfoo 0x600000 1000\n'],
    ['C-195 others only', 'reserved SUNWbar 0x600000 1000\n'],
  ])('%s is BAD_APPID', (_name, text) => {
    expect(() => find(text)).toThrow(failing(RSMERR_BAD_APPID));
  });

  test('the message says where', () => {
    expect(() => find('# comment\nallocate SUNWfoo 1 1')).toThrow(/rsm\.segmentid:2: 'allocate'/);
  });
});
