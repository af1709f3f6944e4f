/** That the other tests of a run are about what its name says. */
import { readFileSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allocate } from '../../src/api/index.ts';
import { plane } from '../support/plane.ts';
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

needs('nodes')('the importing process is on another network than the gateway of the exporter', () => {
  expect(EXPORTER).not.toBe(IMPORTER);
  if (!root) return; // nodes on loopback, then
  const interfaces = readFileSync('/proc/net/fib_trie', 'utf8');
  const [, address] = /^listen = "([\d.]+):/m.exec(readFileSync(plane.exporting.config!, 'utf8'))!;
  expect(interfaces).not.toContain(`${address}\n           /32 host LOCAL`);
  expect(readlinkSync('/proc/self/ns/net')).not.toBe(readlinkSync(`/proc/${process.ppid}/ns/net`));
});
