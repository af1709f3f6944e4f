/** rsm_memseg_export_destroy (rsmapi.md 2.4). */
import { expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { connectCode, exported, imported, PAGE, peer } from '../support/scene.ts';

const pollfd = (): rsm.pollfd => ({ fd: -1, events: 0, revents: 0 });

test('C-038 destroy of an invalid handle returns BAD_SEG_HNDL', () => {
  for (const bad of [null, undefined, {}, 1, 'segment'] as never[]) {
    expect(rsm.rsm_memseg_export_destroy(bad)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  }
});

test('C-039 destroy with a pollfd reference returns POLLFD_IN_USE and changes nothing', () => {
  const { segment, id, bytes } = exported();
  const { segment: importer } = imported({ id });
  expect(rsm.rsm_memseg_get_pollfd(segment, pollfd())).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(rsm.RSMERR_POLLFD_IN_USE);
  expect(rsm.rsm_memseg_import_put8(importer, 3, new Uint8Array([9]), 1)).toBe(0);
  expect(bytes[3]).toBe(9);
  expect(connectCode(id)).toBe(0);
  expect(rsm.rsm_memseg_export_unpublish(segment)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(rsm.RSMERR_POLLFD_IN_USE);
});

test('C-040 destroy needs as many release_pollfd as there were get_pollfd', () => {
  const { segment } = exported();
  for (let n = 0; n < 3; n++) expect(rsm.rsm_memseg_get_pollfd(segment, pollfd())).toBe(0);
  for (let n = 0; n < 2; n++) expect(rsm.rsm_memseg_release_pollfd(segment)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(rsm.RSMERR_POLLFD_IN_USE);
  expect(rsm.rsm_memseg_release_pollfd(segment)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
});

test('C-042 destroy of a published, imported segment succeeds and aborts the importer', () => {
  const { segment, id } = exported();
  const { segment: importer } = imported({ id });
  expect(rsm.rsm_memseg_import_put8(importer, 0, new Uint8Array(1), 1)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  expect(rsm.rsm_memseg_import_put8(importer, 0, new Uint8Array(1), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
});

test('C-043 destroy aborts the importers of every process of the node', async () => {
  const exporter = await peer();
  const id = await exporter.export();
  await exporter.import({ id }); // in the same process
  const other = await peer();
  await other.import({ id });
  const { segment: here } = imported({ id });
  const first = ({ rsm, kept }: import('../support/peer.ts').PeerContext): number =>
    rsm.rsm_memseg_import_put8(kept.imported.segment, 0, new Uint8Array(1), 1);
  expect([await exporter.run(first), await other.run(first)]).toEqual([0, 0]);
  expect(rsm.rsm_memseg_import_put8(here, 0, new Uint8Array(1), 1)).toBe(0);
  expect(await exporter.run(({ rsm, kept }) => rsm.rsm_memseg_export_destroy(kept.exported.segment))).toBe(0);
  // Local importers are disconnected before destroy returns.
  expect(await exporter.run(first)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(await other.run(first)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(rsm.rsm_memseg_import_put8(here, 0, new Uint8Array(1), 1)).toBe(rsm.RSMERR_CONN_ABORTED);
});

test('C-044 after destroy the id can be published again at once', async () => {
  const id = 0x400044;
  const { segment } = exported({ id });
  imported({ id });
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  expect(connectCode(id)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
  const second = exported({ id });
  expect(rsm.rsm_memseg_export_destroy(second.segment)).toBe(0);
  const other = await peer();
  expect(await other.export({ id })).toBe(id);
});

test('C-045 a second destroy returns BAD_SEG_HNDL; the memory keeps its last contents', async () => {
  const { segment, id, memory, bytes } = exported({ pages: 2 });
  bytes.fill(0x5a);
  const importer = await peer();
  await importer.import({ id });
  await importer.run(({ rsm, kept }) =>
    rsm.rsm_memseg_import_put8(kept.imported.segment, 100, new Uint8Array([0x77]), 1),
  );
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  expect(memory.byteLength).toBe(2 * PAGE);
  expect([bytes[0], bytes[100], bytes[2 * PAGE - 1]]).toEqual([0x5a, 0x77, 0x5a]);
  bytes[0] = 1;
  expect(bytes[0]).toBe(1);
});
