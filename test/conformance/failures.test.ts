/** The death of the other side, as far as one node shows it (rsmapi.md A, Failures between nodes). */
import { expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import type { PeerContext } from '../support/peer.ts';
import { connectCode, exported, IMPORTER, imported, needs, PAGE, peer } from '../support/scene.ts';

const byte = (value = 0): Uint8Array => new Uint8Array([value]);

test('C-201 death of the exporting process: CONN_ABORTED', async () => {
  const exporter = await peer();
  const { segment } = imported({ id: await exporter.export() });
  expect(rsm.rsm_memseg_import_get8(segment, 0, byte(), 1)).toBe(0);
  await exporter.kill();
  await expect.poll(() => rsm.rsm_memseg_import_get8(segment, 0, byte(), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
});

needs('map')('C-201 memory that is mapped stays readable after the death of the exporter', async () => {
  const exporter = await peer();
  const { segment: mapped } = imported({ id: await exporter.export({ pages: 4 }) });
  const at = rsm.out<ArrayBuffer>();
  expect(rsm.rsm_memseg_import_map(mapped, at, 0, 0o600, 0, 4 * PAGE)).toBe(0);
  await exporter.kill();
  const view = new Uint8Array(at.value as ArrayBuffer);
  for (let offset = 0; offset < view.length; offset += 64) view[offset] = view[offset]! ^ 1;
  await expect.poll(() => rsm.rsm_memseg_import_put8(mapped, 0, byte(), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
});

test('C-202 death of an importing process does not disturb the exporter', async () => {
  const { segment, id, bytes } = exported({ flags: rsm.RSM_ALLOW_REBIND });
  const importer = await peer();
  await importer.import({ id });
  const survivor = imported({ id }).segment;
  await importer.run(({ rsm, kept }) =>
    rsm.rsm_memseg_import_map(kept.imported.segment, rsm.out(), 0, 0o600, 0, 4096),
  );
  await importer.kill();
  expect(rsm.rsm_intr_signal_post(segment, 0)).toBe(0);
  expect(rsm.rsm_memseg_export_republish(segment, [{ ae_node: IMPORTER, ae_permission: 0o666 }], 1)).toBe(0);
  expect(rsm.rsm_memseg_import_put8(survivor, 0, byte(3), 1)).toBe(0);
  expect(bytes[0]).toBe(3);
  expect(rsm.rsm_memseg_export_rebind(segment, rsm.valloc(PAGE)!, 0, PAGE)).toBe(0);
  expect(rsm.rsm_memseg_export_unpublish(segment)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
});

test('C-203 when the id is published again, old handles stay aborted and a new connect succeeds', async () => {
  const id = 0x400203;
  const exporter = await peer();
  await exporter.export({ id });
  const { segment: old } = imported({ id });
  await exporter.kill();
  const successor = await peer();
  await successor.export({ id });
  await expect.poll(() => rsm.rsm_memseg_import_put8(old, 0, byte(1), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(connectCode(id)).toBe(0);
  const { segment } = imported({ id });
  expect(rsm.rsm_memseg_import_put8(segment, 0, byte(2), 1)).toBe(0);
  expect(rsm.rsm_memseg_import_put8(old, 0, byte(1), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(await successor.run(({ kept }) => kept.exported.bytes[0])).toBe(2);
});

test('C-204 of two importers one disconnecting leaves the other working', async () => {
  const { id, bytes } = exported();
  const [first, second] = [await peer(), await peer()];
  await Promise.all([first.import({ id }), second.import({ id })]);
  const here = imported({ id }).segment;
  const put = ({ rsm, kept }: PeerContext, value: number): number =>
    rsm.rsm_memseg_import_put8(kept.imported.segment, 0, new Uint8Array([value]), 1);
  expect([await first.run(put, 1), await second.run(put, 2)]).toEqual([0, 0]);
  expect(await first.run(({ rsm, kept }) => rsm.rsm_memseg_import_disconnect(kept.imported.segment))).toBe(0);
  expect(rsm.rsm_memseg_import_disconnect(here)).toBe(0);
  expect(await second.run(put, 3)).toBe(0);
  expect(bytes[0]).toBe(3);
});
