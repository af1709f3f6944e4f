/** The access decision: the native evaluator against the model, and against the manual's example. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkAccessList, checkReached, decide, grantTable, readAccessList } from '../../src/core/access.ts';
import {
  RSM_SUCCESS,
  RSMERR_BAD_ACL,
  RSMERR_BAD_ADDR,
  RSMERR_PERM_DENIED,
  RSMERR_SEG_NOT_PUBLISHED_TO_NODE,
  RsmError,
} from '../../src/errors.ts';
import { native } from '../../src/native/index.ts';

/** Few different ones, so that they meet. */
const user = fc.constantFrom(0, 1, 2, 0xffff_fffe);
const group = fc.constantFrom(0, 1, 2, 3, 0xffff_fffe);
const node = fc.integer({ min: 0, max: 4 });
const permission = fc.integer({ min: 0, max: 0o666 }).map((bits) => bits & 0o666);
const entry = fc.record({ node, permission });
const owner = fc.record({ uid: user, gid: group, umask: fc.integer({ min: 0, max: 0o777 }) });
const peer = fc.record({ uid: user, gid: group, groups: fc.array(group, { maxLength: 5 }) });
const wanted = fc.constantFrom(0o400, 0o200, 0o600);

test('C-086 C-087 C-088 the native evaluator decides as the model does', () => {
  fc.assert(
    fc.property(
      owner,
      fc.array(entry, { maxLength: 64 }),
      fc.boolean(),
      peer,
      node,
      wanted,
      (by, list, readOnly, who, from, mode) => {
        const table = grantTable(by, list, readOnly);
        const groups = Uint32Array.from(who.groups);
        const decided = native.decideAccess(table, who.uid, who.gid, groups, from, mode);
        expect(decided).toBe(decide(table, who, from, mode));
      },
    ),
    { numRuns: 3000 },
  );
});

describe('the model', () => {
  const by = { uid: 1, gid: 2, umask: 0o022 };
  const table = grantTable(by, [{ node: 0, permission: 0o624 }], false);
  const same = { uid: 1, gid: 9, groups: [] };
  const member = { uid: 5, gid: 9, groups: [7, 2] };
  const other = { uid: 5, gid: 9, groups: [7] };

  test.each([
    ['C-086 the same user may do everything', same, 0o600, RSM_SUCCESS],
    ['C-086 the group may write', member, 0o200, RSM_SUCCESS],
    ['C-086 and not read', member, 0o400, RSMERR_PERM_DENIED],
    ['C-086 others may read', other, 0o400, RSM_SUCCESS],
    ['C-086 and not write', other, 0o600, RSMERR_PERM_DENIED],
    ['C-088 root may do everything', { uid: 0, gid: 0, groups: [] }, 0o600, RSM_SUCCESS],
  ])('%s', (_name, who, mode, result) => {
    expect(decide(table, who, 0, mode)).toBe(result);
  });

  test('C-087 the owner does not fall back to other digits', () => {
    expect(decide(grantTable(by, [{ node: 0, permission: 0o066 }], false), same, 0, 0o400)).toBe(
      RSMERR_PERM_DENIED,
    );
  });

  test('C-082 without a list the umask decides, for every node', () => {
    const open = grantTable(by, [], false);
    expect(decide(open, other, 63, 0o400)).toBe(RSM_SUCCESS);
    expect(decide(open, other, 63, 0o200)).toBe(RSMERR_PERM_DENIED);
  });

  test('C-082 without a list a controller of one node admits that one, as the umask says', () => {
    const own = grantTable(by, [], false, 7);
    expect(decide(own, other, 7, 0o400)).toBe(RSM_SUCCESS);
    expect(decide(own, other, 7, 0o200)).toBe(RSMERR_PERM_DENIED);
    expect(decide(own, { ...other, uid: 0 }, 6, 0o400)).toBe(RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
    expect(grantTable(by, [{ node: 7, permission: 0o600 }], true, 7)).toEqual(
      grantTable(by, [{ node: 7, permission: 0o600 }], true),
    );
  });

  test('C-084 C-088 a list binds root too', () => {
    expect(decide(table, { uid: 0, gid: 0, groups: [] }, 1, 0o400)).toBe(RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
  });

  test('C-085 the first entry of a node decides', () => {
    const twice = grantTable(
      by,
      [
        { node: 3, permission: 0o400 },
        { node: 3, permission: 0o600 },
      ],
      false,
    );
    expect(decide(twice, same, 3, 0o600)).toBe(RSMERR_PERM_DENIED);
  });

  test('a read-only segment is not for writing, whatever the umask', () => {
    const open = grantTable({ ...by, umask: 0 }, [], true);
    expect(decide(open, same, 0, 0o200)).toBe(RSMERR_PERM_DENIED);
    expect(decide(open, same, 0, 0o400)).toBe(RSM_SUCCESS);
  });
});

/** The result code that a function throws; 0 where it throws nothing. */
function codeOf(body: () => unknown): number {
  try {
    body();
    return RSM_SUCCESS;
  } catch (error) {
    if (RsmError.is(error)) return error.result;
    throw error;
  }
}

describe('checkAccessList', () => {
  const limits = { accessListLimit: 2, reaches: (id: number) => id < 2 };
  const check = (list: unknown[], readOnly = false) =>
    codeOf(() =>
      checkAccessList('publish', list as { node: number; permission: number }[], limits, readOnly),
    );

  test.each([
    ['C-079 too many entries', Array(3).fill({ node: 0, permission: 0 })],
    ['C-080 bits outside 0666', [{ node: 0, permission: 0o100 }]],
    ['C-080 a node id above 63', [{ node: 64, permission: 0 }]],
    ['a node that is no number', [{ node: '0', permission: 0 }]],
    ['a fractional permission', [{ node: 0, permission: 0.5 }]],
    ['a negative permission', [{ node: 0, permission: -1 }]],
  ])('%s', (_name, list) => {
    expect(check(list)).toBe(RSMERR_BAD_ACL);
  });

  test('C-080 D-14 a node out of reach: at once where there is one node, later where there are others', () => {
    const beyond = [{ node: 2, permission: 0 }];
    expect(check(beyond)).toBe(RSM_SUCCESS);
    expect(codeOf(() => checkReached('publish', beyond, limits))).toBe(RSMERR_BAD_ACL);
    const one = { ...limits, accessListLimit: 1 };
    expect(codeOf(() => checkAccessList('publish', beyond, one, false))).toBe(RSMERR_BAD_ACL);
  });

  test('write permission on a read-only segment', () => {
    expect(check([{ node: 0, permission: 0o604 }], true)).toBe(RSMERR_BAD_ACL);
    expect(check([{ node: 0, permission: 0o444 }], true)).toBe(RSM_SUCCESS);
  });
});

describe('readAccessList', () => {
  const read = (list: unknown, length: unknown) =>
    readAccessList('publish', list, length, (value) => {
      const { node, permission } = value as { node: number; permission: number };
      return { node, permission };
    });

  test('takes as many entries as it is told, each field once', () => {
    let reads = 0;
    const first = {
      get node() {
        reads += 1;
        return 7;
      },
      permission: 0o600,
    };
    expect(read([first, first], 1)).toEqual([{ node: 7, permission: 0o600 }]);
    expect(reads).toBe(1);
    expect(read(null, 0)).toEqual([]);
  });

  test('C-068 C-079 no list, or a length beyond the limit', () => {
    for (const length of [1, 64, '1', Number.NaN, -1]) {
      expect(codeOf(() => read(null, length))).toBe(RSMERR_BAD_ACL);
    }
    for (const length of [65, 2 ** 40, '1', null, Number.NaN, -1]) {
      expect(codeOf(() => read([], length))).toBe(RSMERR_BAD_ACL);
    }
  });

  test('what cannot be read is BAD_ADDR', () => {
    const hostile = new Proxy([], {
      get: () => {
        throw new Error('no');
      },
    });
    expect(codeOf(() => read(hostile, 1))).toBe(RSMERR_BAD_ADDR);
    expect(codeOf(() => read([null], 1))).toBe(RSMERR_BAD_ADDR);
    expect(codeOf(() => read([], 1))).toBe(RSMERR_BAD_ADDR);
  });
});
