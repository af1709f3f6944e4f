/** Statements that take two nodes (rsmapi.md 1.3, 1.8, 2.1). Paths that fail are in test/hosts. */
import { expect } from 'vitest';
import { allocate, type Controller, openController } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import { plane, type Side } from '../support/plane.ts';
import {
  ALICE,
  BOB,
  connectCode,
  controller,
  EXPORTER,
  exported,
  IMPORTER,
  later,
  needs,
  openEnd,
  PAGE,
  peer,
  root,
} from '../support/scene.ts';

const entry = (ae_node: number, ae_permission: number): rsm.rsmapi_access_entry_t => ({
  ae_node,
  ae_permission,
});

function opened(name: string, side: Side): Controller {
  const made = openController(name, side);
  later(() => made.close());
  return made;
}

/** A segment that is published on a side, through one of its controllers. */
function publishOn(name: string, side: Side, id?: number): { id: number; bytes: Uint8Array } {
  const segment = opened(name, side).createExport(allocate(PAGE));
  later(() => segment.close());
  return {
    id: segment.publish(id === undefined ? {} : { id }),
    bytes: new Uint8Array(segment.memory),
  };
}

/** The first byte of a segment, through a controller. */
function firstByte(through: Controller, node: number, id: number): number {
  const segment = through.connectSync({ node, id });
  later(() => segment.close());
  const data = new Uint8Array(1);
  segment.get(0, data);
  return data[0]!;
}

needs('nodes')('C-009 of other types the unit is significant, and letter case is not', () => {
  const handle = controller();
  const again = rsm.out<rsm.rsmapi_controller_handle_t>();
  expect(rsm.rsm_get_controller('OFI0', again)).toBe(0);
  expect(again.value).toBe(handle);
  expect(rsm.rsm_release_controller(handle)).toBe(0);
  expect(rsm.rsm_get_controller('ofi1', again)).toBe(rsm.RSMERR_CTLR_NOT_PRESENT);
});

needs('nodes')('C-076 an id that another controller of the node has published is in use', () => {
  const id = 0x400276;
  publishOn('loopback', plane.exporting, id);
  expect(() => publishOn('ofi0', plane.exporting, id)).toThrow(
    expect.objectContaining({ code: 'RSMERR_SEGID_IN_USE' }),
  );
});

needs('nodes')(
  'C-076 D-14 an id in use is found before an entry for a node out of reach, a bad permission not',
  () => {
    const [taken, free] = [0x400277, 0x400278];
    publishOn('loopback', plane.exporting, taken);
    const segment = openEnd('exporting').createExport(allocate(PAGE));
    later(() => segment.close());
    const code = (id: number, node: number, permission: number): string => {
      try {
        segment.publish({ id, access: [{ node, permission }] });
        return 'published';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code(taken, 63, 0o600)).toBe('RSMERR_SEGID_IN_USE');
    expect(code(taken, 63, 0o700)).toBe('RSMERR_BAD_ACL');
    expect(code(free, 63, 0o600)).toBe('RSMERR_BAD_ACL');
    expect(code(free, plane.importing.node, 0o600)).toBe('published');
    expect(() => segment.republish([{ node: 63, permission: 0o600 }])).toThrow(/does not reach node 63/);
  },
);

needs('nodes')('C-077 the same id on two nodes is two segments', () => {
  const id = 0x400177;
  publishOn('ofi0', plane.exporting, id).bytes[0] = 1;
  publishOn('ofi0', plane.importing, id).bytes[0] = 2;
  for (const from of [openEnd('importing'), openEnd('exporting')]) {
    expect([firstByte(from, EXPORTER, id), firstByte(from, IMPORTER, id)]).toEqual([1, 2]);
  }
});

needs('nodes')('C-084 who is not listed gets SEG_NOT_PUBLISHED_TO_NODE, the own node included', () => {
  const codes = (access: rsm.rsmapi_access_entry_t[]): [importing: number, exporting: number] => {
    const { id, controller: own } = exported({ access });
    const segment = rsm.out<rsm.rsm_memseg_import_handle_t>();
    const local = rsm.rsm_memseg_import_connect(own, EXPORTER, id, 0o600, segment);
    if (local === 0) rsm.rsm_memseg_import_disconnect(segment.value!);
    return [connectCode(id), local];
  };
  const NOT_TO_NODE = rsm.RSMERR_SEG_NOT_PUBLISHED_TO_NODE;
  expect(codes([entry(IMPORTER, 0o666)])).toEqual([0, NOT_TO_NODE]);
  expect(codes([entry(EXPORTER, 0o666)])).toEqual([NOT_TO_NODE, 0]);
  expect(codes([entry(EXPORTER, 0o666), entry(IMPORTER, 0o666)])).toEqual([0, 0]);
  expect(codes([])).toEqual([0, 0]);
});

needs('nodes')('C-085 of two entries for a node the first decides', async () => {
  const alice = await peer(root ? { uid: ALICE } : {});
  const bob = await peer(root ? { uid: BOB } : {});
  const less = await alice.export({ access: [entry(IMPORTER, 0o444), entry(IMPORTER, 0o666)] });
  expect([await bob.connectCode(less, 0o600), await bob.connectCode(less, 0o400)]).toEqual([
    rsm.RSMERR_PERM_DENIED,
    0,
  ]);
  const more = await alice.export({ access: [entry(IMPORTER, 0o666), entry(IMPORTER, 0o444)] });
  expect(await bob.connectCode(more, 0o600)).toBe(0);
});

needs('nodes').each([0, 3, 63, 64, 0xffffffff])(
  'C-105 node %i, which there is not, is unreachable',
  (node) => {
    expect(connectCode(exported().id, 0o600, node)).toBe(rsm.RSMERR_REMOTE_NODE_UNREACHABLE);
  },
);

needs('nodes')('C-106 what one controller exports, another of the node imports', () => {
  const { id, bytes } = publishOn('ofi0', plane.exporting);
  bytes[0] = 6;
  expect(firstByte(opened('loopback', plane.exporting), EXPORTER, id)).toBe(6);
  const local = publishOn('loopback', plane.exporting);
  local.bytes[0] = 7;
  expect(firstByte(openEnd('exporting'), EXPORTER, local.id)).toBe(7);
});
