/** Controllers and topology (rsmapi.md 2.1, 2.2). */
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { has } from '../support/plane.ts';
import { controller, exported, IMPORTER, imported } from '../support/scene.ts';

type Controller = rsm.rsmapi_controller_handle_t;

/** get_controller that must succeed; whoever calls it releases. */
function get(name: string | null): Controller {
  const handle = rsm.out<Controller>();
  expect(rsm.rsm_get_controller(name, handle)).toBe(0);
  return handle.value!;
}

test('C-006 get_controller with a null handle pointer returns BAD_CTLR_HNDL', () => {
  expect(rsm.rsm_get_controller('loopback', null as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
  expect(rsm.rsm_get_controller('nosuch0', undefined as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
});

test('C-007 get_controller with a null name opens loopback', () => {
  const handle = get(null);
  expect(get('loopback')).toBe(handle);
  expect(rsm.rsm_release_controller(handle)).toBe(0);
  expect(rsm.rsm_release_controller(handle)).toBe(0);
});

test('C-008 a controller is one handle and lives until its last release', () => {
  const handle = get('loopback');
  expect(get('loopback')).toBe(handle);
  expect(rsm.rsm_release_controller(handle)).toBe(0);
  expect(rsm.rsm_get_controller_attr(handle, rsm.out())).toBe(0);
  expect(rsm.rsm_release_controller(handle)).toBe(0);
  expect(rsm.rsm_get_controller_attr(handle, rsm.out())).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
});

test('C-009 loopback is found in any letter case and with any unit', () => {
  const handle = get('loopback');
  const names = ['LOOPBACK', 'loopback3', 'LoopBack77', 'loopback0'];
  for (const name of names) expect(get(name), name).toBe(handle);
  for (const _ of [...names, 'loopback']) expect(rsm.rsm_release_controller(handle)).toBe(0);
});

test('C-009 the first open may already be in another letter case', () => {
  const handle = get('LOOPBACK9');
  expect(rsm.rsm_release_controller(handle)).toBe(0);
});

test.each([
  'nosuch0',
  'wrsm',
  '',
  '7',
  'loopbac',
  'loopback 1',
  ' loopback',
  'loopback0x',
  'ofi63',
  'x'.repeat(300),
  '../loopback',
  'a\0b',
])('C-010 get_controller(%j) returns CTLR_NOT_PRESENT and leaves the out-parameter', (name) => {
  const before = {} as Controller;
  const handle = rsm.out<Controller>(before);
  expect(rsm.rsm_get_controller(name, handle)).toBe(rsm.RSMERR_CTLR_NOT_PRESENT);
  expect(handle.value).toBe(before);
});

describe('C-012 release_controller', () => {
  test('C-012 of null, of something else, of a released handle returns BAD_CTLR_HNDL', () => {
    expect(rsm.rsm_release_controller(null as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
    expect(rsm.rsm_release_controller({} as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
    const handle = get(null);
    expect(rsm.rsm_release_controller(handle)).toBe(0);
    expect(rsm.rsm_release_controller(handle)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
  });

  test('C-012 a handle stays released when the controller is opened again', () => {
    const old = get(null);
    expect(rsm.rsm_release_controller(old)).toBe(0);
    const fresh = get(null);
    expect(rsm.rsm_release_controller(old)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
    expect(rsm.rsm_get_controller_attr(fresh, rsm.out())).toBe(0);
    expect(rsm.rsm_release_controller(fresh)).toBe(0);
  });

  test('C-012 releasing a controller with live segments succeeds', () => {
    const { id } = exported();
    const { segment } = imported({ id });
    const handle = get(null);
    expect(rsm.rsm_release_controller(handle)).toBe(0);
    expect(rsm.rsm_memseg_import_put8(segment, 0, new Uint8Array([1]), 1)).toBe(0);
  });
});

test('C-013 get_controller_attr checks the handle, then the pointer', () => {
  expect(rsm.rsm_get_controller_attr(null as never, null as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
  expect(rsm.rsm_get_controller_attr(controller(), null as never)).toBe(rsm.RSMERR_BAD_ADDR);
});

test('C-014 the attributes are what the controller offers', () => {
  const attributes = rsm.out<rsm.rsmapi_controller_attr_t>();
  expect(rsm.rsm_get_controller_attr(controller(), attributes)).toBe(0);
  const value = attributes.value!;
  expect(value.attr_page_size & -value.attr_page_size).toBe(0x4); // the unit is the lowest bit: 4 KiB
  const sizes = has('map') ? 0xf : 0; // of loads and stores
  expect(value.attr_direct_access_sizes & 0xf).toBe(sizes);
  expect(value.attr_atomic_sizes & 0xf).toBe(sizes);
  const limits = [
    value.attr_max_export_segment_size,
    value.attr_tot_export_segment_size,
    value.attr_max_export_segments,
    value.attr_max_import_map_size,
    value.attr_tot_import_map_size,
    value.attr_max_import_segments,
  ];
  for (const limit of limits) expect(Number.isSafeInteger(limit) && limit >= 0).toBe(true);
});

describe('C-015 topology', () => {
  test('C-015 null pointers', () => {
    expect(rsm.rsm_get_interconnect_topology(null as never)).toBe(rsm.RSMERR_BAD_TOPOLOGY_PTR);
    expect(rsm.rsm_free_interconnect_topology(null)).toBeUndefined();
  });

  test('C-015 the topology names the node, 0 where it stands alone, and not loopback', () => {
    const topology = rsm.out<rsm.rsm_topology_t>();
    expect(rsm.rsm_get_interconnect_topology(topology)).toBe(0);
    const { topology_hdr, connections } = topology.value!;
    expect(topology_hdr.local_nodeid).toBe(IMPORTER);
    expect(connections).toHaveLength(topology_hdr.local_cntlr_count);
    expect(connections.filter(({ hdr }) => /^loopback/i.test(hdr.cntlr_name))).toEqual([]);
    rsm.rsm_free_interconnect_topology(topology.value!);
  });
});
