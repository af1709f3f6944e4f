/** C-035 where a controller has no lock operations: a driver made up for it, or loopback, which is told so. */
import { expect, test } from 'vitest';
import * as api from '../../src/api/index.ts';
import { Controller } from '../../src/core/controllers.ts';
import { ExportSegment } from '../../src/core/export-segment.ts';
import { allocate } from '../../src/core/memory.ts';
import type { Driver, DriverExport } from '../../src/drivers/driver.ts';
import { RSMERR_BAD_ACL, RSMERR_LOCKS_NOT_SUPPORTED, RSMERR_SEGID_IN_USE } from '../../src/errors.ts';
import * as rsm from '../../src/librsm/index.ts';
import { runtimeDirectory } from '../support/runtime.ts';

runtimeDirectory();

const PAGE = 4096;
const FREE = 0x600035;
const attributes = { pageSizes: PAGE / 1024, maxExportSegmentSize: 0 };

function controllerWithout(published: number[]): Controller {
  const made: Partial<DriverExport> = {
    openLocks: () => ({ enabled: false }) as ReturnType<DriverExport['openLocks']>,
    publish(id, _grants, allow) {
      allow();
      return published.push(id);
    },
    destroy: () => {},
  };
  const driver: Partial<Driver> = {
    attributes: attributes as Driver['attributes'],
    accessListLimit: 1,
    lockOps: false,
    reaches: (node) => node === 0,
    createExport: () => made as DriverExport,
  };
  return { driver, userCame() {}, userGone() {} } as unknown as Controller;
}

test('C-035 there RSM_LOCK_OPS can be created, and published not', () => {
  const published: number[] = [];
  const controller = controllerWithout(published);
  const options = { allowRebind: false, lockOps: true, readOnly: false };
  const segment = ExportSegment.create(controller, allocate(PAGE), PAGE, options);
  const publish = (permission: number) => () => segment.publish(0x600000, () => [{ node: 0, permission }]);
  expect(publish(0o7777)).toThrow(expect.objectContaining({ result: RSMERR_BAD_ACL }));
  expect(publish(0o600)).toThrow(expect.objectContaining({ result: RSMERR_LOCKS_NOT_SUPPORTED }));
  expect([segment.id, published]).toEqual([undefined, []]);
  segment.destroy();
  const plain = ExportSegment.create(controller, allocate(PAGE), PAGE, { ...options, lockOps: false });
  plain.publish(0x600000, () => []);
  expect(published).toEqual([0x600000]);
  plain.destroy();
});

test('C-035 an id in use is found first, and a free one stays free; in both faces', () => {
  const controller = api.openController();
  Object.assign(Controller.get(null).driver, { lockOps: false }); // which all of this thread have
  const handle = rsm.out<rsm.rsmapi_controller_handle_t>();
  rsm.rsm_get_controller(null, handle);
  const plain = controller.createExport(api.allocate(PAGE));
  plain.publish({ id: FREE });
  const ours = controller.createExport(api.allocate(PAGE), { lockOps: true });
  const theirs = rsm.out<rsm.rsm_memseg_export_handle_t>();
  rsm.rsm_memseg_export_create(handle.value!, theirs, rsm.valloc(PAGE)!, PAGE, rsm.RSM_LOCK_OPS);
  const publish = (wanted: number) => () => ours.publish({ id: wanted });
  const publishThere = (wanted: number) =>
    rsm.rsm_memseg_export_publish(theirs.value!, rsm.out(wanted), null, 0);
  expect(publish(FREE)).toThrow(expect.objectContaining({ result: RSMERR_SEGID_IN_USE }));
  expect(publishThere(FREE)).toBe(RSMERR_SEGID_IN_USE);
  plain.close();
  expect(publish(FREE)).toThrow(expect.objectContaining({ result: RSMERR_LOCKS_NOT_SUPPORTED }));
  expect(publishThere(FREE)).toBe(RSMERR_LOCKS_NOT_SUPPORTED);
  const again = controller.createExport(api.allocate(PAGE));
  expect(again.publish({ id: FREE })).toBe(FREE);
  again.close();
  ours.close();
  rsm.rsm_memseg_export_destroy(theirs.value!);
});
