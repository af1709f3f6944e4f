/** publish, unpublish, republish (rsmapi.md 2.4); who may connect is in access.test.ts. */
import { expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { runtimeDirectory } from '../support/runtime.ts';
import {
  ALICE,
  BOB,
  connectCode,
  exported,
  IMPORTER,
  imported,
  needs,
  PAGE,
  peer,
  root,
} from '../support/scene.ts';

const { rsm_memseg_export_publish: publish, rsm_memseg_export_republish: republish } = rsm;
const unpublish = rsm.rsm_memseg_export_unpublish;

const elsewhere = runtimeDirectory({ own: false });

const entry = (ae_permission: number, ae_node: number = IMPORTER): rsm.rsmapi_access_entry_t => ({
  ae_node,
  ae_permission,
});
const unpublished = (): rsm.rsm_memseg_export_handle_t => exported({ id: false }).segment;

test('C-066 publish with a null segment_id pointer returns BAD_SEGID, even with a null handle', () => {
  expect(publish(null as never, null as never, null, 0)).toBe(rsm.RSMERR_BAD_SEGID);
  expect(publish(unpublished(), null as never, null, 1)).toBe(rsm.RSMERR_BAD_SEGID);
});

test('C-067 publish with an invalid handle returns BAD_SEG_HNDL', () => {
  expect(publish(null as never, rsm.out(1), null, 1)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  expect(publish({} as never, rsm.out(0), null, 0)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
});

test('C-068 publish with a positive list length and a null list returns BAD_ACL', () => {
  expect(publish(unpublished(), rsm.out(0), null, 1)).toBe(rsm.RSMERR_BAD_ACL);
  expect(publish(exported().segment, rsm.out(1), null, 5)).toBe(rsm.RSMERR_BAD_ACL); // before the state and the id
});

test('C-069 publish of a published segment returns SEG_ALREADY_PUBLISHED and changes nothing', () => {
  const { segment, id } = exported();
  const again = rsm.out<number>(0);
  expect(publish(segment, again, null, 0)).toBe(rsm.RSMERR_SEG_ALREADY_PUBLISHED);
  expect(again.value).toBe(0);
  expect(publish(segment, rsm.out(1), null, 0)).toBe(rsm.RSMERR_SEG_ALREADY_PUBLISHED);
  expect(connectCode(id)).toBe(0);
});

test.each([1, 0x0fffff, 0x100000, 0x1fffff, 0x200000, 0x2fffff, 0x300000, 0x3fffff])(
  'C-070 publish with id %i returns RESERVED_SEGID',
  (id) => expect(publish(unpublished(), rsm.out(id), null, 0)).toBe(rsm.RSMERR_RESERVED_SEGID),
);

test.each([0x400000, 0x4fffff, 0x500000, 0x600000, 0x7fffffff])('C-071 publish with id %i succeeds', (id) => {
  const { id: published } = exported({ id });
  expect(published).toBe(id);
  expect(connectCode(id)).toBe(0);
});

test.each([0x80000000, 0xffffffff])('C-072 publish with id %i returns RESERVED_SEGID (D-24)', (id) => {
  expect(publish(unpublished(), rsm.out(id), null, 0)).toBe(rsm.RSMERR_RESERVED_SEGID);
});

test("C-073 publish with id 0 stores a unique id of the system's range", async () => {
  const other = await peer();
  const ids = [exported().id, exported().id, await other.export(), exported().id];
  for (const id of ids) expect(id >= 0x80000000 && id <= 0xffffffff, String(id)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(connectCode(id)).toBe(0);
});

test('C-074 system-chosen ids increase by one, over all processes, and are not used again', async () => {
  const first = exported();
  expect(unpublish(first.segment)).toBe(0);
  const second = exported();
  expect(second.id).toBe(first.id + 1);
  expect(rsm.rsm_memseg_export_destroy(second.segment)).toBe(0);
  const other = await peer();
  expect(await other.export()).toBe(first.id + 2);
  expect(await other.exit()).toBe(0);
  expect(exported().id).toBe(first.id + 3);
});

test('C-075 publish with a non-zero id leaves *segment_id unchanged', () => {
  const id = rsm.out<number>(0x400075);
  expect(publish(unpublished(), id, null, 0)).toBe(0);
  expect(id.value).toBe(0x400075);
});

test('C-076 publish of an id in use returns SEGID_IN_USE and leaves the segment unpublished', async () => {
  const id = 0x400076;
  const other = await peer();
  await other.export({ id });
  const segment = unpublished();
  expect(publish(segment, rsm.out(id), null, 0)).toBe(rsm.RSMERR_SEGID_IN_USE);
  expect(unpublish(segment)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
  expect(publish(segment, rsm.out(id + 0x1000), null, 0)).toBe(0);
  const second = unpublished();
  expect(publish(second, rsm.out(id + 0x1000), null, 0)).toBe(rsm.RSMERR_SEGID_IN_USE); // own process
});

test.skipIf(!root)('C-076 an id another user has published is in use', async () => {
  const alice = await peer({ uid: ALICE });
  await alice.export({ id: 0x400176 });
  expect(publish(unpublished(), rsm.out(0x400176), null, 0)).toBe(rsm.RSMERR_SEGID_IN_USE);
  const bob = await peer({ uid: BOB });
  const code = await bob.run(({ rsm, exported }) =>
    rsm.rsm_memseg_export_publish(exported({ id: false }).segment, rsm.out(0x400176), null, 0),
  );
  expect(code).toBe(rsm.RSMERR_SEGID_IN_USE);
});

test('C-077 the same id may be published on two nodes (two runtime directories)', async () => {
  const id = 0x400077;
  exported({ id });
  const other = await peer({ env: { RSM_RUNTIME_DIR: elsewhere } });
  expect(await other.export({ id })).toBe(id);
  await other.exit();
  expect(connectCode(id)).toBe(0);
});

test('C-079 publish with too many entries returns BAD_ACL', () => {
  const many = Array.from({ length: 65 }, (_, node) => entry(0o600, node));
  expect(publish(unpublished(), rsm.out(0), many, 65)).toBe(rsm.RSMERR_BAD_ACL);
  expect(publish(unpublished(), rsm.out(0), [entry(0o600), ...many], 1)).toBe(0); // the length counts
});

needs('oneNode')('C-079 publish with two entries on loopback returns BAD_ACL', () => {
  expect(publish(unpublished(), rsm.out(0), [entry(0o600), entry(0o600)], 2)).toBe(rsm.RSMERR_BAD_ACL);
  expect(publish(unpublished(), rsm.out(0), [entry(0o600), entry(0o600)], 1)).toBe(0);
});

test.each([
  ['permission 0777', entry(0o777)],
  ['permission 0100', entry(0o100)],
  ['permission 01000', entry(0o1000)],
  ['permission 0667', entry(0o667)],
  ['permission 2^32', entry(2 ** 32)],
  ['permission -1', entry(-1)],
  ['node 64', entry(0o600, 64)],
  ['node 2^32 - 1', entry(0o600, 0xffffffff)],
  ['node -1', entry(0o600, -1)],
])('C-080 an access list with %s returns BAD_ACL (D-39)', (_name, bad) => {
  expect(publish(unpublished(), rsm.out(0), [bad], 1)).toBe(rsm.RSMERR_BAD_ACL);
  expect(republish(exported().segment, [bad], 1)).toBe(rsm.RSMERR_BAD_ACL);
});

needs('oneNode')('C-080 an access list with a foreign node on loopback returns BAD_ACL', () => {
  expect(publish(unpublished(), rsm.out(0), [entry(0o600, 1)], 1)).toBe(rsm.RSMERR_BAD_ACL);
  expect(republish(exported().segment, [entry(0o600, 1)], 1)).toBe(rsm.RSMERR_BAD_ACL);
});

test('C-080 a list shorter than its length is unreadable: BAD_ADDR or BAD_ACL, never published', () => {
  const segment = unpublished();
  expect([rsm.RSMERR_BAD_ADDR, rsm.RSMERR_BAD_ACL]).toContain(publish(segment, rsm.out(0), [], 1));
  expect(unpublish(segment)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
});

test('C-081 with length 0 a list is ignored', () => {
  const segment = unpublished();
  const id = rsm.out<number>(0);
  expect(publish(segment, id, [entry(0o777, 99)], 0)).toBe(0);
  expect(connectCode(id.value!)).toBe(0);
  expect(republish(segment, [entry(0o777, 99)], 0)).toBe(0);
});

test('C-089 unpublish and republish of an unpublished segment return SEG_NOT_PUBLISHED', () => {
  const segment = unpublished();
  expect(unpublish(segment)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
  expect(republish(segment, null, 0)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
  const { segment: other } = exported();
  expect(unpublish(other)).toBe(0);
  expect(unpublish(other)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
});

test('C-090 unpublish makes new connects fail and aborts all importers', async () => {
  const { segment, id } = exported();
  const { segment: here, barrier } = imported({ id });
  const other = await peer();
  await other.import({ id });
  expect(unpublish(segment)).toBe(0);
  expect(connectCode(id)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
  expect(rsm.rsm_memseg_import_put8(here, 0, new Uint8Array(1), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(rsm.rsm_memseg_import_open_barrier(barrier)).toBe(0);
  expect(rsm.rsm_memseg_import_close_barrier(barrier)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(
    await other.run(({ rsm, kept }) =>
      rsm.rsm_memseg_import_get8(kept.imported.segment, 0, new Uint8Array(1), 1),
    ),
  ).toBe(rsm.RSMERR_CONN_ABORTED);
});

test('C-091 an unpublished segment can be published again, under the same or another id', () => {
  const id = 0x400091;
  const { segment, bytes } = exported({ id });
  bytes[0] = 0x91;
  for (const next of [id, id + 1, id]) {
    expect(unpublish(segment)).toBe(0);
    expect(publish(segment, rsm.out(next), null, 0)).toBe(0);
    const data = new Uint8Array(1);
    expect(rsm.rsm_memseg_import_get8(imported({ id: next }).segment, 0, data, 1)).toBe(0);
    expect(data[0]).toBe(0x91);
  }
  expect(connectCode(id + 1)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
});

test('C-092 unpublish succeeds while pollfd references exist (D-10)', () => {
  const { segment } = exported();
  expect(rsm.rsm_memseg_get_pollfd(segment, { fd: -1, events: 0, revents: 0 })).toBe(0);
  expect(unpublish(segment)).toBe(0);
});

test('C-094 republish with a positive length and a null list returns BAD_ACL, unless unpublished', () => {
  expect(republish(exported().segment, null, 1)).toBe(rsm.RSMERR_BAD_ACL);
  expect(republish(unpublished(), null, 1)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
});

test('C-095 republish that takes rights away leaves a connected importer working', () => {
  const { segment, id, bytes } = exported({ access: [entry(0o666)] });
  const { segment: importer } = imported({ id });
  expect(republish(segment, [entry(0)], 1)).toBe(0);
  expect(rsm.rsm_memseg_import_put8(importer, 8, new Uint8Array([5]), 1)).toBe(0);
  expect(bytes[8]).toBe(5);
});

needs('map')('C-095 it may also map still', () => {
  const { segment, id } = exported({ access: [entry(0o666)] });
  const { segment: importer } = imported({ id });
  expect(republish(segment, [entry(0)], 1)).toBe(0);
  expect(rsm.rsm_memseg_import_map(importer, rsm.out(), 0, 0o600, 0, PAGE)).toBe(0);
});
