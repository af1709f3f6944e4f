/** C-035 where a controller has no lock operations: a driver made up for it, because loopback has them. */
import { expect, test } from 'vitest';
import type { Controller } from '../../src/core/controllers.ts';
import { ExportSegment } from '../../src/core/export-segment.ts';
import { allocate } from '../../src/core/memory.ts';
import type { Driver, DriverExport } from '../../src/drivers/driver.ts';
import { RSMERR_BAD_ACL, RSMERR_LOCKS_NOT_SUPPORTED } from '../../src/errors.ts';
import { runtimeDirectory } from '../support/runtime.ts';

runtimeDirectory();

const PAGE = 4096;
const attributes = { pageSizes: PAGE / 1024, maxExportSegmentSize: 0 };

function controllerWithout(published: number[]): Controller {
  const made: Partial<DriverExport> = {
    openLocks: () => ({ enabled: false }) as ReturnType<DriverExport['openLocks']>,
    publish: (id) => published.push(id),
    destroy: () => {},
  };
  const driver: Partial<Driver> = {
    attributes: attributes as Driver['attributes'],
    accessListLimit: 1,
    lockOps: false,
    reaches: (node) => node === 0,
    createExport: () => made as DriverExport,
  };
  return { driver, segmentMade() {}, segmentEnded() {} } as unknown as Controller;
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
