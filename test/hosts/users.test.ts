/** Nodes of many users, whose gateways are users of their own: the access list decides, as on one node. */
import { describe, expect, test } from 'vitest';
import { type Machine, world } from '../support/hosts.ts';
import { bytesOf, connectOn, exportOn, putOn } from './actors.ts';

const [GATEWAY, ALICE, BOB, CAROL] = [4711, 4001, 4002, 4003];

const root = process.getuid!() === 0;
const [one, two] = (root ? (await world(2, GATEWAY)).machines : []) as [Machine, Machine];

describe.runIf(root)('with gateways that are not root', () => {
  test('C-084 owner, group and others of another node may what the digits say', async () => {
    const exporter = await one.peer({ uid: ALICE });
    const id = await exportOn(exporter, { permission: 0o640 });
    const alice = await two.peer({ uid: ALICE });
    expect(await connectOn(alice, id)).toBe('connected');
    expect(await putOn(alice, 0, 42)).toBe('done');
    expect(await bytesOf(exporter, 0, 0, 1)).toEqual([42]);
    const bob = await two.peer({ uid: BOB, groups: [ALICE] });
    expect(await connectOn(bob, id, 'r')).toBe('connected');
    expect(await connectOn(bob, id, 'rw')).toBe('RSMERR_PERM_DENIED');
    expect(await connectOn(await two.peer({ uid: CAROL }), id, 'r')).toBe('RSMERR_PERM_DENIED');
    expect(await connectOn(await two.peer(), id)).toBe('connected'); // root, whom squash = "none" lets be
    await two.endPeers();
    await one.endPeers();
  });

  test('a segment of root is reached the same way', async () => {
    const exporter = await one.peer();
    const id = await exportOn(exporter, { permission: 0o606 });
    expect(await connectOn(await two.peer({ uid: BOB }), id)).toBe('connected');
    await two.endPeers();
    await one.endPeers();
  });
});
