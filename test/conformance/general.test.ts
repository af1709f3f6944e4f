/** RSMAPI in general: result codes, handles, threads (rsmapi.md A, General). */
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import {
  controller,
  EXPORTER,
  exported,
  filled,
  IMPORTER,
  imported,
  needs,
  PAGE,
  peer,
} from '../support/scene.ts';

type ExportHandle = rsm.rsm_memseg_export_handle_t;
type ImportHandle = rsm.rsm_memseg_import_handle_t;

const sg = (remote_handle: ImportHandle): rsm.rsm_scat_gath_t => ({
  local_nodeid: 0,
  io_request_count: 1,
  io_residual_count: 0,
  flags: 0,
  remote_handle,
  iovec: [
    {
      io_type: rsm.RSM_VA_TYPE,
      local: { vaddr: new Uint8Array(8) },
      local_offset: 0,
      remote_offset: 0,
      transfer_length: 8,
    },
  ],
});

const exportCalls: Record<string, (handle: ExportHandle) => number> = {
  publish: (handle) => rsm.rsm_memseg_export_publish(handle, rsm.out(0), null, 0),
  republish: (handle) => rsm.rsm_memseg_export_republish(handle, null, 0),
  unpublish: (handle) => rsm.rsm_memseg_export_unpublish(handle),
  rebind: (handle) => rsm.rsm_memseg_export_rebind(handle, rsm.valloc(PAGE)!, 0, PAGE),
  destroy: (handle) => rsm.rsm_memseg_export_destroy(handle),
};

const importCalls: Record<string, (handle: ImportHandle) => number> = {
  get8: (handle) => rsm.rsm_memseg_import_get8(handle, 0, new Uint8Array(1), 1),
  get16: (handle) => rsm.rsm_memseg_import_get16(handle, 0, new Uint16Array(1), 1),
  get32: (handle) => rsm.rsm_memseg_import_get32(handle, 0, new Uint32Array(1), 1),
  get64: (handle) => rsm.rsm_memseg_import_get64(handle, 0, new BigUint64Array(1), 1),
  put8: (handle) => rsm.rsm_memseg_import_put8(handle, 0, new Uint8Array(1), 1),
  put16: (handle) => rsm.rsm_memseg_import_put16(handle, 0, new Uint16Array(1), 1),
  put32: (handle) => rsm.rsm_memseg_import_put32(handle, 0, new Uint32Array(1), 1),
  put64: (handle) => rsm.rsm_memseg_import_put64(handle, 0, new BigUint64Array(1), 1),
  get: (handle) => rsm.rsm_memseg_import_get(handle, 0, new Uint8Array(8), 8),
  put: (handle) => rsm.rsm_memseg_import_put(handle, 0, new Uint8Array(8), 8),
  getv: (handle) => rsm.rsm_memseg_import_getv(sg(handle)),
  putv: (handle) => rsm.rsm_memseg_import_putv(sg(handle)),
  map: (handle) => rsm.rsm_memseg_import_map(handle, rsm.out(), rsm.RSM_MAP_NONE, 0o600, 0, PAGE),
  unmap: (handle) => rsm.rsm_memseg_import_unmap(handle),
  init_barrier: (handle) =>
    rsm.rsm_memseg_import_init_barrier(handle, rsm.RSM_BAR_DEFAULT, rsm.rsmapi_barrier()),
  set_mode: (handle) => rsm.rsm_memseg_import_set_mode(handle, rsm.RSM_BARRIER_MODE_EXPLICIT),
  get_mode: (handle) => rsm.rsm_memseg_import_get_mode(handle, rsm.out()),
  disconnect: (handle) => rsm.rsm_memseg_import_disconnect(handle),
};

const eitherCalls: Record<string, (handle: ExportHandle | ImportHandle) => number> = {
  post: (handle) => rsm.rsm_intr_signal_post(handle, 0),
  wait: (handle) => rsm.rsm_intr_signal_wait(handle, 0),
  get_pollfd: (handle) => rsm.rsm_memseg_get_pollfd(handle, { fd: -1, events: 0, revents: 0 }),
  release_pollfd: (handle) => rsm.rsm_memseg_release_pollfd(handle),
};

/** All calls as functions of anything: handles are what is tested here. */
const anyOf = (calls: object): [string, (handle: unknown) => number][] =>
  Object.entries(calls as Record<string, (handle: unknown) => number>);
const onExport = [...anyOf(exportCalls), ...anyOf(eitherCalls)];
const onImport = [...anyOf(importCalls), ...anyOf(eitherCalls)];
const onAny = [...anyOf(exportCalls), ...anyOf(importCalls), ...anyOf(eitherCalls)];

const functions = Object.entries(rsm).filter(
  ([name, value]) => /^rsm_/.test(name) && typeof value === 'function',
);

describe('C-001 result codes', () => {
  test('C-001 the library exports the 42 functions of librsm', () => {
    expect(functions.map(([name]) => name)).toHaveLength(42);
  });

  const failing = functions.filter(
    ([name]) => !['rsm_get_controller', 'rsm_free_interconnect_topology'].includes(name),
  );
  test.each(failing)('C-001 %s without arguments returns a positive code', (_name, call) => {
    const result = (call as (...nothing: unknown[]) => unknown)();
    expect(Number.isInteger(result)).toBe(true);
    expect(result).toBeGreaterThan(0);
  });

  test('C-001 success is 0, and free_interconnect_topology returns nothing', () => {
    const topology = rsm.out<rsm.rsm_topology_t>();
    expect(rsm.rsm_get_interconnect_topology(topology)).toBe(rsm.RSM_SUCCESS);
    expect(rsm.RSM_SUCCESS).toBe(0);
    expect(rsm.rsm_free_interconnect_topology(topology.value!)).toBeUndefined();
  });
});

test('C-002 several threads use one segment at once, each with handles of its own', async () => {
  const node = await peer();
  const id = await node.export({ pages: 4, flags: 1 });
  const finished = await node.run(async ({ rsm, plane, dist, kept }, target: number) => {
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const program = `
      import { workerData, parentPort } from 'node:worker_threads';
      const rsm = await import('file://' + workerData.dist + '/librsm/index.js');
      const controller = rsm.out();
      const codes = [rsm.rsm_get_controller(workerData.controller, controller)];
      for (let round = 0; round < 50; round++) {
        const segment = rsm.out();
        const barrier = rsm.rsmapi_barrier();
        const { node, target } = workerData;
        codes.push(rsm.rsm_memseg_import_connect(controller.value, node, target, 0o600, segment));
        codes.push(rsm.rsm_memseg_import_init_barrier(segment.value, rsm.RSM_BAR_DEFAULT, barrier));
        const value = new Uint32Array([round]);
        const offset = workerData.index * 4;
        codes.push(rsm.rsm_memseg_import_put32(segment.value, offset, value, 1));
        codes.push(rsm.rsm_memseg_import_get32(segment.value, offset, value, 1));
        if (value[0] !== round) codes.push(-1);
        codes.push(rsm.rsm_intr_signal_post(segment.value, 0));
        codes.push(rsm.rsm_memseg_import_disconnect(segment.value));
      }
      codes.push(rsm.rsm_release_controller(controller.value));
      parentPort.postMessage(codes.filter((code) => code !== 0));
    `;
    const source = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const shared = { dist, target, controller: plane.controller, node: plane.exporting.node };
    const workers = [0, 1, 2, 3].map((index) => new Worker(source, { workerData: { ...shared, index } }));
    const failures = await Promise.all(
      workers.map(
        (worker) =>
          new Promise<number[]>((resolve, reject) => {
            worker.once('message', resolve).once('error', reject);
          }),
      ),
    );
    let events = 0;
    // Over a fabric the last ones may still be on their way.
    const patience = () => (events < 200 ? 5000 : 0);
    while (rsm.rsm_intr_signal_wait(kept.exported.segment, patience()) === 0) events++;
    const last = [...new Uint32Array(kept.exported.memory, 0, 4)];
    return { failures, events, last };
  }, id);
  expect(finished).toEqual({ failures: [[], [], [], []], events: 200, last: [49, 49, 49, 49] });
});

describe('C-003 handles that are none', () => {
  test.each(onAny)('C-003 %s of null and undefined', (_name, call) => {
    expect(call(null)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(call(undefined)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  });

  test.each(onExport)('C-003 %s of a destroyed segment', (_name, call) => {
    const { segment } = exported();
    expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
    expect(call(segment)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  });

  test.each(onImport)('C-003 %s of a disconnected segment', (_name, call) => {
    const { segment } = imported({ id: exported().id });
    expect(rsm.rsm_memseg_import_disconnect(segment)).toBe(0);
    expect(call(segment)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  });
});

describe('C-004 handles of the wrong kind (D-45)', () => {
  test.each(anyOf(exportCalls))('C-004 %s of an import segment', (_name, call) => {
    const { segment } = imported({ id: exported().id });
    expect(call(segment)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(rsm.rsm_memseg_import_disconnect(segment)).toBe(0);
  });

  test.each(anyOf(importCalls))('C-004 %s of an export segment', (_name, call) => {
    const { segment } = exported();
    expect(call(segment)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  });

  test.each(onAny)('C-004 %s of a controller', (_name, call) => {
    const handle = controller();
    expect(call(handle)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
    expect(rsm.rsm_get_controller_attr(handle, rsm.out())).toBe(0);
  });

  test('C-004 a segment is not a controller', () => {
    const { segment } = exported();
    expect(rsm.rsm_release_controller(segment as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
    expect(rsm.rsm_memseg_import_connect(segment as never, EXPORTER, 0x400000, 0o600, rsm.out())).toBe(
      rsm.RSMERR_BAD_CTLR_HNDL,
    );
  });
});

describe('C-005 a failing call changes nothing', () => {
  test('C-005 create, publish, republish and rebind succeed with corrected arguments', () => {
    const memory = filled(2, 1);
    const segment = rsm.out<ExportHandle>();
    const flags = rsm.RSM_ALLOW_REBIND;
    expect(rsm.rsm_memseg_export_create(controller('exporting'), segment, memory, 100, flags)).toBe(
      rsm.RSMERR_BAD_MEM_ALIGNMENT,
    );
    expect(rsm.rsm_memseg_export_create(controller('exporting'), segment, memory, PAGE * 2, flags)).toBe(0);
    const handle = segment.value!;
    expect(rsm.rsm_memseg_export_publish(handle, rsm.out(1), null, 0)).toBe(rsm.RSMERR_RESERVED_SEGID);
    const bad = [{ ae_node: IMPORTER, ae_permission: 0o777 }];
    expect(rsm.rsm_memseg_export_publish(handle, rsm.out(0x400500), bad, 1)).toBe(rsm.RSMERR_BAD_ACL);
    expect(rsm.rsm_memseg_export_publish(handle, rsm.out(0x400500), null, 0)).toBe(0);
    expect(rsm.rsm_memseg_export_rebind(handle, filled(2, 2), 0, PAGE)).toBe(rsm.RSMERR_BAD_LENGTH);
    expect(rsm.rsm_memseg_export_rebind(handle, filled(2, 2), 0, PAGE * 2)).toBe(0);
    expect(rsm.rsm_memseg_export_republish(handle, bad, 1)).toBe(rsm.RSMERR_BAD_ACL);
    expect(rsm.rsm_memseg_export_republish(handle, [{ ae_node: IMPORTER, ae_permission: 0o600 }], 1)).toBe(0);
    expect(rsm.rsm_memseg_export_destroy(handle)).toBe(0);
  });

  needs('map')('C-005 map and disconnect succeed with corrected arguments', () => {
    const { segment } = imported({ id: exported().id });
    const at = rsm.out<ArrayBuffer>();
    expect(rsm.rsm_memseg_import_map(segment, at, 0, 0o600, 8, 8)).toBe(rsm.RSMERR_BAD_MEM_ALIGNMENT);
    expect(rsm.rsm_memseg_import_map(segment, at, 0, 0o600, 0, PAGE)).toBe(0);
    expect(rsm.rsm_memseg_import_disconnect(segment)).toBe(rsm.RSMERR_SEG_STILL_MAPPED);
    expect(rsm.rsm_memseg_import_unmap(segment)).toBe(0);
    expect(rsm.rsm_memseg_import_disconnect(segment)).toBe(0);
  });

  test('C-005 connect, put and a barrier succeed with corrected arguments', () => {
    const { id } = exported();
    const segment = rsm.out<ImportHandle>();
    expect(rsm.rsm_memseg_import_connect(controller(), EXPORTER, id, 0o700, segment)).toBe(
      rsm.RSMERR_PERM_DENIED,
    );
    expect(rsm.rsm_memseg_import_connect(controller(), EXPORTER, id, 0o600, segment)).toBe(0);
    const handle = segment.value!;
    const data = new Uint32Array([7]);
    expect(rsm.rsm_memseg_import_put32(handle, 0, data, 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
    const barrier = rsm.rsmapi_barrier();
    expect(rsm.rsm_memseg_import_close_barrier(barrier)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
    expect(rsm.rsm_memseg_import_init_barrier(handle, rsm.RSM_BAR_DEFAULT, barrier)).toBe(0);
    expect(rsm.rsm_memseg_import_put32(handle, 0, data, 1)).toBe(0);
    expect(rsm.rsm_memseg_import_disconnect(handle)).toBe(0);
  });
});
