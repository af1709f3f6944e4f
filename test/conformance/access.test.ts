/** Who may connect: access lists, users, groups, umask (rsmapi.md 1.8). */
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { native } from '../../src/native/index.ts';
import type { PeerContext, PeerOptions } from '../support/peer.ts';
import { ALICE, BOB, connectCode, IMPORTER, peer, root } from '../support/scene.ts';

const entry = (ae_permission: number): rsm.rsmapi_access_entry_t => ({ ae_node: IMPORTER, ae_permission });

/** An exporter run by Alice; `umask` as at create. */
async function alicesExport(mask: number, access?: rsm.rsmapi_access_entry_t[]): Promise<number> {
  const alice = await peer({ uid: ALICE });
  await alice.run((_context, value: number) => void process.umask(value), mask);
  return alice.export(access ? { access } : {});
}

/** What a process of these rights may connect for: the codes of 0600, 0400 and 0200. */
async function codesOf(options: PeerOptions, id: number): Promise<number[]> {
  const importer = await peer(options);
  return [
    await importer.connectCode(id, 0o600),
    await importer.connectCode(id, 0o400),
    await importer.connectCode(id, 0o200),
  ];
}

/** In an exporter: its segment has that list from then on. */
const republish = ({ rsm, kept }: PeerContext, only: rsm.rsmapi_access_entry_t): number =>
  rsm.rsm_memseg_export_republish(kept.exported.segment, [only], 1);

const OK = rsm.RSM_SUCCESS;
const NO = rsm.RSMERR_PERM_DENIED;
const ALL = [OK, OK, OK];
const READ = [NO, OK, NO];
const WRITE = [NO, NO, OK];
const NONE = [NO, NO, NO];

describe.skipIf(!root)('rights of other users', () => {
  test.each([
    [0o022, READ],
    [0o077, NONE],
    [0o000, ALL],
    [0o044, WRITE],
  ])('C-082 without a list, under umask %i, another user gets what the mask leaves', async (mask, codes) => {
    const id = await alicesExport(mask);
    expect(await codesOf({ uid: BOB }, id)).toEqual(codes);
    expect(await codesOf({ uid: ALICE }, id)).toEqual(ALL);
  });

  test("C-082 the group digit counts for the exporter's group", async () => {
    const id = await alicesExport(0o027);
    expect(await codesOf({ uid: BOB, gid: ALICE }, id)).toEqual(READ);
    expect(await codesOf({ uid: BOB, gid: BOB, groups: [30_001, ALICE] }, id)).toEqual(READ);
    expect(await codesOf({ uid: BOB }, id)).toEqual(NONE);
  });

  test('C-083 the umask at create counts, not the one at publish', async () => {
    const alice = await peer({ uid: ALICE });
    const id = await alice.run(({ rsm, exported, kept }) => {
      process.umask(0o022);
      kept.exported = exported({ id: false });
      process.umask(0o077);
      const chosen = rsm.out<number>(0);
      rsm.rsm_memseg_export_publish(kept.exported.segment, chosen, null, 0);
      return chosen.value!;
    });
    expect(await codesOf({ uid: BOB }, id)).toEqual(READ);
  });

  test('C-086 permission 0624: owner all, group write, others read', async () => {
    const id = await alicesExport(0, [entry(0o624)]);
    expect(await codesOf({ uid: ALICE }, id)).toEqual(ALL);
    expect(await codesOf({ uid: ALICE, gid: BOB }, id)).toEqual(ALL); // the owner, whatever the group
    expect(await codesOf({ uid: BOB, gid: ALICE }, id)).toEqual(WRITE);
    expect(await codesOf({ uid: BOB, gid: BOB, groups: [ALICE] }, id)).toEqual(WRITE);
    expect(await codesOf({ uid: BOB }, id)).toEqual(READ);
  });

  test('C-087 classes are exclusive: with 0066 the owner is refused, with 0606 the group', async () => {
    const owner = await alicesExport(0, [entry(0o066)]);
    expect(await codesOf({ uid: ALICE }, owner)).toEqual(NONE);
    expect(await codesOf({ uid: BOB }, owner)).toEqual(ALL);
    const group = await alicesExport(0, [entry(0o606)]);
    expect(await codesOf({ uid: BOB, groups: [ALICE] }, group)).toEqual(NONE);
  });

  test('C-088 root connects regardless of the digits', async () => {
    const id = await alicesExport(0o777, [entry(0)]);
    expect(await codesOf({ uid: ALICE }, id)).toEqual(NONE);
    expect([connectCode(id, 0o600), connectCode(id, 0o400), connectCode(id, 0o200)]).toEqual(ALL);
  });

  test('C-097 republish with length 0 opens the segment with the umask permission of create', async () => {
    const alice = await peer({ uid: ALICE });
    await alice.run(() => void process.umask(0o022));
    const id = await alice.export({ access: [entry(0o600)] });
    expect(await codesOf({ uid: BOB }, id)).toEqual(NONE);
    const code = await alice.run(({ rsm, kept }) => {
      process.umask(0o077);
      return rsm.rsm_memseg_export_republish(kept.exported.segment, null, 0);
    });
    expect(code).toBe(0);
    expect(await codesOf({ uid: BOB }, id)).toEqual(READ);
  });

  test('C-096 C-099 republish: later connects obey the new list only, also where an importer already is', async () => {
    const alice = await peer({ uid: ALICE });
    const id = await alice.export({ access: [entry(0o666)] });
    const bob = await peer({ uid: BOB });
    await bob.import({ id });
    expect(await alice.run(republish, entry(0o604))).toBe(0);
    const codes = [
      await bob.connectCode(id, 0o600),
      await bob.connectCode(id, 0o400),
      await bob.connectCode(id, 0o200),
    ];
    expect(codes).toEqual(READ);
    // The connected importer keeps the mode it was granted.
    expect(
      await bob.run(({ rsm, kept }) =>
        rsm.rsm_memseg_import_put8(kept.imported.segment, 0, new Uint8Array([1]), 1),
      ),
    ).toBe(0);
    expect(await alice.run(republish, entry(0o602))).toBe(0);
    expect(await codesOf({ uid: BOB }, id)).toEqual(WRITE); // nothing is left of 0666 and 0604
  });

  test('C-098 a republish that fails leaves the old list in force', async () => {
    const alice = await peer({ uid: ALICE });
    const id = await alice.export({ access: [entry(0o604)] });
    const code = await alice.run(republish, entry(0o777));
    expect(code).toBe(rsm.RSMERR_BAD_ACL);
    expect(await codesOf({ uid: BOB }, id)).toEqual(READ);
  });

  test('C-110 connect needs every requested bit', async () => {
    const id = await alicesExport(0, [entry(0o644)]);
    const bob = await peer({ uid: BOB });
    expect(await bob.connectCode(id, 0o600)).toBe(NO);
    expect(await bob.connectCode(id, 0o400)).toBe(OK);
  });
});

/** The node's evaluator, with a peer made up: loopback admits one list entry, its own node's. */
function decide(
  list: [node: number, permission: number][],
  node: number,
  wanted: number,
  uid = ALICE,
): number {
  const grants = Uint32Array.from([ALICE, ALICE, 0o755, list.length, ...list.flat()]);
  return native.decideAccess(grants, uid, uid, new Uint32Array(), node, wanted);
}

test("C-084 a node that is not listed gets SEG_NOT_PUBLISHED_TO_NODE, the exporter's own included", () => {
  expect(decide([[3, 0o600]], 3, 0o600)).toBe(OK);
  for (const node of [0, 1, 63])
    expect(decide([[3, 0o666]], node, 0o400)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
});

test('C-085 of two entries for a node the first decides', () => {
  expect(
    decide(
      [
        [1, 0o400],
        [1, 0o600],
      ],
      1,
      0o600,
    ),
  ).toBe(NO);
  expect(
    decide(
      [
        [1, 0o600],
        [1, 0o400],
      ],
      1,
      0o600,
    ),
  ).toBe(OK);
});

test('C-088 root obeys the node list', () => {
  expect(decide([[3, 0]], 3, 0o600, 0)).toBe(OK);
  expect(decide([[3, 0o666]], 4, 0o400, 0)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
});
