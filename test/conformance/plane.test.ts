/** That the other tests of a run are about what its name says. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { allocate } from '../../src/api/index.ts';
import { plane, type Side } from '../support/plane.ts';
import { EXPORTER, IMPORTER, needs, openEnd, PAGE, root } from '../support/scene.ts';

test('segments are made and imported through the controller, on its nodes', () => {
  const [exporting, importing] = [openEnd('exporting'), openEnd('importing')];
  expect([exporting.name, importing.name]).toEqual([plane.controller, plane.controller]);
  expect([exporting.nodeId, importing.nodeId]).toEqual([EXPORTER, IMPORTER]);
  const owner = exporting.createExport(allocate(PAGE));
  const importer = importing.connectSync({ node: EXPORTER, id: owner.publish() });
  importer.put(7, new Uint8Array([9]));
  expect(new Uint8Array(owner.memory)[7]).toBe(9);
  importer.close();
  owner.close();
});

const addressOf = ({ config }: Side): string =>
  /^listen = "([\d.]+):/m.exec(readFileSync(config!, 'utf8'))![1]!;

// For others than root both are addresses of loopback.
needs('nodes').skipIf(!root)(
  'this process is on the machine of the importer, and not on that of the exporter',
  () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) =>
      addresses!.map(({ address }) => address),
    );
    expect(own).toContain(addressOf(plane.importing));
    expect(own).not.toContain(addressOf(plane.exporting));
  },
);
