/** A gateway connects for users of other nodes: the exporter's agent decides as the model of core does. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { decide, grantTable } from '../../src/core/access.ts';
import { RSMERR_PERM_DENIED } from '../../src/errors.ts';
import { type ConnectRequest, native } from '../../src/native/index.ts';
import { directory, good, PAGE } from './scene.ts';

const OWN_NODE = 1;
const GATEWAY = process.getuid!();
const MOST_GROUPS = 16;

/** Few different ones, so that they meet. */
const id = fc.constantFrom(0, 1, 2, 3, 0xffff_fffe);
const node = fc.integer({ min: 0, max: 4 });
const entry = fc.record({ node, permission: fc.integer({ min: 0, max: 0o666 }).map((bits) => bits & 0o666) });
const user = fc.record({ uid: id, gid: id, groups: fc.array(id, { maxLength: MOST_GROUPS }) });

const record = native.openRecord(directory, 'behalf', OWN_NODE, GATEWAY);
const memory = good(native.allocate(PAGE, 0));
const segment = good(native.createExport(memory, 0, PAGE, 0));
afterAll(() => {
  native.destroyExport(segment);
  native.closeRecord(record);
  native.release(memory);
});
native.publish(segment, record, 1, 'claim-behalf', new Uint32Array([0, 0, 0, 0]));

function request(more: Partial<ConnectRequest>): ConnectRequest {
  const socketPath = join(directory, 'behalf.s');
  return { socketPath, owner: GATEWAY, node: 2, id: 1, permission: 0o400, timeoutMs: 60_000, ...more };
}

function connect(asked: ConnectRequest): number {
  const answer = native.connect(asked);
  if (typeof answer === 'number') return answer;
  native.disconnect(answer.handle, null);
  return 0;
}

test('C-086 C-087 C-088 an asserted user gets what the model says, on any node but this one', () => {
  fc.assert(
    fc.property(
      fc.record({ uid: id, gid: id, umask: fc.integer({ min: 0, max: 0o777 }) }),
      fc.array(entry, { maxLength: 6 }),
      user,
      node,
      fc.constantFrom(0o400, 0o200, 0o600),
      (by, list, who, from, permission) => {
        const table = grantTable(by, list, false);
        expect(native.republish(segment, table)).toBe(0);
        const onBehalf = { ...who, groups: Uint32Array.from(who.groups) };
        const expected = from === OWN_NODE ? RSMERR_PERM_DENIED : decide(table, who, from, permission);
        expect(connect(request({ node: from, permission, onBehalf }))).toBe(expected);
      },
    ),
    { numRuns: 1000 },
  );
});

test('a connect off the thread carries it too', async () => {
  native.republish(
    segment,
    grantTable({ uid: 7, gid: 7, umask: 0 }, [{ node: 2, permission: 0o600 }], false),
  );
  const ask = (uid: number) => {
    const onBehalf = { uid, gid: 1, groups: new Uint32Array() };
    return good(native.connectAsync(request({ onBehalf }))).result;
  };
  const answer = good(await ask(7));
  native.disconnect(answer.handle, null);
  expect(await ask(8)).toBe(RSMERR_PERM_DENIED);
});

test.each([
  ['too many groups', { uid: 1, gid: 1, groups: new Uint32Array(MOST_GROUPS + 1) }],
  ['groups that are no words', { uid: 1, gid: 1, groups: [1] }],
  ['no uid', { gid: 1, groups: new Uint32Array() }],
  ['a negative gid', { uid: 1, gid: -1, groups: new Uint32Array() }],
  ['null', null],
  ['a number', 1],
])('%s is a TypeError', (_name, onBehalf) => {
  const wrong = request({ onBehalf: onBehalf as unknown as NonNullable<ConnectRequest['onBehalf']> });
  expect(() => native.connect(wrong)).toThrow(TypeError);
});
