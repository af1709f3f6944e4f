/** The 42 functions with right arguments in every state, and the codes they document (hostile.test.ts). */
import * as rsm from '../../src/librsm/index.ts';
import { controller, EXPORTER, exported, filled, IMPORTER, imported, later, PAGE } from '../support/scene.ts';

const CTLR = [rsm.RSMERR_BAD_CTLR_HNDL];
const SEG = [rsm.RSMERR_BAD_SEG_HNDL];
const SHORTAGE = [rsm.RSMERR_INSUFFICIENT_MEM, rsm.RSMERR_INSUFFICIENT_RESOURCES];
const ADDR = [rsm.RSMERR_BAD_ADDR];
const LENGTH = [rsm.RSMERR_BAD_LENGTH];
const OFFSET = [rsm.RSMERR_BAD_OFFSET];
const ALIGNMENT = [rsm.RSMERR_BAD_MEM_ALIGNMENT];
const PERM = [rsm.RSMERR_PERM_DENIED];
const ABORTED = [rsm.RSMERR_CONN_ABORTED];
const BARRIER = [rsm.RSMERR_BAD_BARRIER_PTR, rsm.RSMERR_BARRIER_UNINITIALIZED];
const IMPLICIT_MAP = [rsm.RSMERR_INSUFFICIENT_RESOURCES, rsm.RSMERR_BAD_PERMS, rsm.RSMERR_MAP_FAILED];

/**
 * The documented codes (rsmapi.md 2) of calls that share them. Flags and time-outs that are not numbers have
 * no check of their own there: BAD_ADDR (docs/reference/events.md).
 */
const TRANSFER = [
  SEG,
  ADDR,
  ALIGNMENT,
  IMPLICIT_MAP,
  PERM,
  OFFSET,
  LENGTH,
  ABORTED,
  [rsm.RSMERR_BARRIER_UNINITIALIZED, rsm.RSMERR_BARRIER_FAILURE],
].flat();
const VECTOR = [
  [rsm.RSMERR_BAD_SGIO],
  SEG,
  CTLR,
  ADDR,
  ABORTED,
  IMPLICIT_MAP,
  PERM,
  OFFSET,
  LENGTH,
  [rsm.RSMERR_BARRIER_FAILURE, rsm.RSMERR_REMOTE_NODE_UNREACHABLE],
].flat();
const CLOSE = [BARRIER, ABORTED, [rsm.RSMERR_BARRIER_NOT_OPENED, rsm.RSMERR_BARRIER_FAILURE]].flat();

const exportStates = ['bound', 'published', 'imported', 'with pollfd'] as const;
const importStates = [
  'connected',
  'mapped',
  'implicitly mapped',
  'explicit mode',
  'aborted',
  'aborted, mapped',
  'with pollfd',
] as const;
export type State = (typeof exportStates)[number] | (typeof importStates)[number] | 'any';

/** What the calls need, in a state. */
export interface Stage {
  exporting: rsm.rsmapi_controller_handle_t;
  importing: rsm.rsmapi_controller_handle_t;
  memory: ArrayBuffer;
  fresh: ArrayBuffer;
  owner: rsm.rsm_memseg_export_handle_t;
  importer: rsm.rsm_memseg_import_handle_t;
  barrier: rsm.rsmapi_barrier_t;
  local: rsm.rsm_localmemory_handle_t;
  id: number;
}

export function stage(state: State): Stage {
  const made = exported({ flags: 1, id: state === 'bound' ? false : 0 });
  const { segment: owner, memory } = made;
  // The importer in the states of an export that has none: of another segment.
  const { segment: source, id } = state === 'bound' || state === 'published' ? exported() : made;
  const { segment: importer, barrier } = imported({ id, explicit: state === 'explicit mode' });
  if (state === 'mapped' || state === 'aborted, mapped') {
    rsm.rsm_memseg_import_map(importer, rsm.out(), 0, 0o600, 0, PAGE);
  }
  if (state === 'implicitly mapped') rsm.rsm_memseg_import_get8(importer, 0, new Uint8Array(1), 1);
  if (state === 'with pollfd') {
    for (const segment of [owner, importer])
      rsm.rsm_memseg_get_pollfd(segment, { fd: -1, events: 0, revents: 0 });
  }
  // Events on both sides, so that a wait without limit comes back.
  rsm.rsm_intr_signal_post(source, 0);
  rsm.rsm_intr_signal_post(importer, 0);
  if (state === 'aborted' || state === 'aborted, mapped') rsm.rsm_memseg_export_unpublish(owner);
  const importing = controller('importing');
  const local = rsm.out<rsm.rsm_localmemory_handle_t>();
  rsm.rsm_create_localmemory_handle(importing, local, filled(1, 0), PAGE);
  later(() => rsm.rsm_free_localmemory_handle(importing, local.value!));
  return {
    exporting: controller('exporting'),
    importing,
    memory,
    fresh: filled(1, 0),
    owner,
    importer,
    barrier,
    local: local.value!,
    id,
  };
}

function request({ importer, local }: Stage): rsm.rsm_scat_gath_t {
  const rest = { local_offset: 0, remote_offset: 0, transfer_length: 8 };
  return {
    local_nodeid: 0,
    io_request_count: 2,
    io_residual_count: 0,
    flags: 1,
    remote_handle: importer,
    iovec: [
      { io_type: rsm.RSM_VA_TYPE, local: { vaddr: new Uint8Array(8) }, ...rest },
      { io_type: rsm.RSM_HANDLE_TYPE, local: { handle: local }, ...rest },
    ],
  };
}

/** Arguments that are right; the hostile value replaces one of them, or a field inside (a path). */
export interface Call {
  codes: number[];
  states: readonly State[];
  args(stage: Stage): unknown[];
  inside?: (string | number)[][];
}

const sgFields = ['local_nodeid', 'io_request_count', 'io_residual_count', 'flags', 'remote_handle', 'iovec'];
const ioFields = ['io_type', 'local', 'local_offset', 'remote_offset', 'transfer_length'];
const insideVector: (string | number)[][] = [
  ...sgFields.map((field) => [0, field]),
  [0, 'iovec', 0],
  ...ioFields.map((field) => [0, 'iovec', 0, field]),
  ...ioFields.map((field) => [0, 'iovec', 1, field]),
  [0, 'iovec', 0, 'local', 'vaddr'],
  [0, 'iovec', 1, 'local', 'handle'],
];
const insideList = (index: number): (string | number)[][] => [
  [index, 0],
  [index, 0, 'ae_node'],
  [index, 0, 'ae_permission'],
];
const list = (): rsm.rsmapi_access_entry_t[] => [{ ae_node: IMPORTER, ae_permission: 0o666 }];
const insidePollfd = (index: number): (string | number)[][] =>
  ['fd', 'events', 'revents'].map((field) => [index, 0, field]);

const transfer = (data: () => unknown): Call => ({
  codes: TRANSFER,
  states: importStates,
  args: ({ importer }) => [importer, 0, data(), 1],
});
const ofBarrier = (codes: number[]): Call => ({
  codes,
  states: importStates,
  args: ({ barrier }) => [barrier],
});
const either = [...exportStates, ...importStates] as const;

export const calls: Record<string, Call> = {
  rsm_get_controller: {
    codes: [
      CTLR,
      ADDR,
      [rsm.RSMERR_CTLR_NOT_PRESENT, rsm.RSMERR_INSUFFICIENT_MEM, rsm.RSMERR_BAD_LIBRARY_VERSION],
    ].flat(),
    states: ['any'],
    args: () => ['loopback', rsm.out()],
    inside: [[1, 'value']],
  },
  rsm_get_controller_attr: {
    codes: [CTLR, ADDR, [rsm.RSMERR_CTLR_NOT_PRESENT]].flat(),
    states: ['any'],
    args: (at) => [at.importing, rsm.out()],
  },
  rsm_release_controller: { codes: CTLR, states: ['any'], args: () => [null] },
  rsm_get_interconnect_topology: {
    codes: [[rsm.RSMERR_BAD_TOPOLOGY_PTR, rsm.RSMERR_INSUFFICIENT_MEM], ADDR].flat(),
    states: ['any'],
    args: () => [rsm.out()],
  },
  rsm_free_interconnect_topology: { codes: [], states: ['any'], args: () => [null] },
  rsm_get_segmentid_range: {
    codes: [ADDR, [rsm.RSMERR_BAD_CONF, rsm.RSMERR_BAD_APPID]].flat(),
    states: ['any'],
    args: () => ['SUNWfoo', rsm.out(), rsm.out()],
  },
  rsm_memseg_export_create: {
    codes: [CTLR, SEG, ADDR, LENGTH, ALIGNMENT, SHORTAGE, PERM, [rsm.RSMERR_CTLR_NOT_PRESENT]].flat(),
    states: ['any'],
    args: (at) => [at.exporting, rsm.out(), at.fresh, PAGE, 0],
    inside: [[1, 'value']],
  },
  rsm_memseg_export_destroy: {
    codes: [SEG, [rsm.RSMERR_POLLFD_IN_USE]].flat(),
    states: exportStates,
    args: (at) => [at.owner],
  },
  rsm_memseg_export_rebind: {
    codes: [SEG, ADDR, LENGTH, SHORTAGE, PERM, [rsm.RSMERR_REBIND_NOT_ALLOWED]].flat(),
    states: exportStates,
    args: (at) => [at.owner, at.fresh, 0, PAGE],
  },
  rsm_memseg_export_publish: {
    codes: [
      SEG,
      ADDR,
      SHORTAGE,
      [rsm.RSMERR_BAD_SEGID, rsm.RSMERR_BAD_ACL, rsm.RSMERR_SEG_ALREADY_PUBLISHED],
      [rsm.RSMERR_RESERVED_SEGID, rsm.RSMERR_SEGID_IN_USE],
    ].flat(),
    states: exportStates,
    args: (at) => [at.owner, rsm.out(0), list(), 1],
    inside: [[1, 'value'], ...insideList(2)],
  },
  rsm_memseg_export_unpublish: {
    codes: [SEG, [rsm.RSMERR_SEG_NOT_PUBLISHED]].flat(),
    states: exportStates,
    args: (at) => [at.owner],
  },
  rsm_memseg_export_republish: {
    codes: [SEG, ADDR, [rsm.RSMERR_SEG_NOT_PUBLISHED, rsm.RSMERR_BAD_ACL]].flat(),
    states: exportStates,
    args: (at) => [at.owner, list(), 1],
    inside: insideList(1),
  },
  rsm_memseg_import_connect: {
    codes: [
      CTLR,
      SEG,
      PERM,
      SHORTAGE,
      [rsm.RSMERR_CTLR_NOT_PRESENT, rsm.RSMERR_REMOTE_NODE_UNREACHABLE],
      [rsm.RSMERR_SEG_NOT_PUBLISHED, rsm.RSMERR_SEG_NOT_PUBLISHED_TO_NODE, rsm.RSMERR_INTERRUPTED],
    ].flat(),
    states: ['published', 'aborted'],
    args: (at) => [at.importing, EXPORTER, at.id, 0o600, rsm.out()],
    inside: [[4, 'value']],
  },
  rsm_memseg_import_disconnect: {
    codes: [SEG, [rsm.RSMERR_SEG_STILL_MAPPED, rsm.RSMERR_POLLFD_IN_USE]].flat(),
    states: importStates,
    args: (at) => [at.importer],
  },
  rsm_memseg_import_get8: transfer(() => new Uint8Array(1)),
  rsm_memseg_import_get16: transfer(() => new Uint16Array(1)),
  rsm_memseg_import_get32: transfer(() => new Uint32Array(1)),
  rsm_memseg_import_get64: transfer(() => new BigUint64Array(1)),
  rsm_memseg_import_put8: transfer(() => new Uint8Array(1)),
  rsm_memseg_import_put16: transfer(() => new Uint16Array(1)),
  rsm_memseg_import_put32: transfer(() => new Uint32Array(1)),
  rsm_memseg_import_put64: transfer(() => new BigUint64Array(1)),
  rsm_memseg_import_get: transfer(() => new Uint8Array(1)),
  rsm_memseg_import_put: transfer(() => new Uint8Array(1)),
  rsm_memseg_import_getv: {
    codes: VECTOR,
    states: importStates,
    args: (at) => [request(at)],
    inside: insideVector,
  },
  rsm_memseg_import_putv: {
    codes: VECTOR,
    states: importStates,
    args: (at) => [request(at)],
    inside: insideVector,
  },
  rsm_memseg_import_map: {
    codes: [
      SEG,
      ADDR,
      LENGTH,
      OFFSET,
      ALIGNMENT,
      ABORTED,
      [rsm.RSMERR_SEG_ALREADY_MAPPED, rsm.RSMERR_BAD_PERMS, rsm.RSMERR_MAP_FAILED],
      [rsm.RSMERR_INSUFFICIENT_RESOURCES],
    ].flat(),
    states: importStates,
    args: (at) => [at.importer, rsm.out(at.fresh), rsm.RSM_MAP_FIXED, 0o600, 0, PAGE],
    inside: [[1, 'value']],
  },
  rsm_memseg_import_unmap: {
    codes: [SEG, [rsm.RSMERR_SEG_NOT_MAPPED]].flat(),
    states: importStates,
    args: (at) => [at.importer],
  },
  rsm_memseg_import_init_barrier: {
    codes: [SEG, SHORTAGE, [rsm.RSMERR_BAD_BARRIER_PTR]].flat(),
    states: importStates,
    args: (at) => [at.importer, rsm.RSM_BAR_DEFAULT, rsm.rsmapi_barrier()],
  },
  rsm_memseg_import_open_barrier: ofBarrier([BARRIER, [rsm.RSMERR_BARRIER_OPEN_FAILED]].flat()),
  rsm_memseg_import_close_barrier: ofBarrier(CLOSE),
  rsm_memseg_import_order_barrier: ofBarrier(CLOSE),
  rsm_memseg_import_destroy_barrier: ofBarrier(BARRIER),
  rsm_memseg_import_set_mode: {
    codes: [SEG, [rsm.RSMERR_BAD_MODE]].flat(),
    states: importStates,
    args: (at) => [at.importer, 0],
  },
  rsm_memseg_import_get_mode: {
    codes: [SEG, ADDR].flat(),
    states: importStates,
    args: (at) => [at.importer, rsm.out()],
  },
  rsm_intr_signal_post: {
    codes: [SEG, ADDR, ABORTED, [rsm.RSMERR_REMOTE_NODE_UNREACHABLE]].flat(),
    states: either,
    args: (at) => [at.importer, 0],
  },
  rsm_intr_signal_wait: {
    codes: [SEG, ADDR, SHORTAGE, [rsm.RSMERR_TIMEOUT, rsm.RSMERR_INTERRUPTED]].flat(),
    states: either,
    args: (at) => [at.importer, 0],
  },
  rsm_intr_signal_wait_pollfd: {
    codes: [SHORTAGE, ADDR, [rsm.RSMERR_INTERRUPTED, rsm.RSMERR_BAD_ARGS_ERRORS, rsm.RSMERR_TIMEOUT]].flat(),
    states: ['with pollfd'],
    args: (at) => {
      const entry = { fd: -1, events: 0, revents: 0 };
      rsm.rsm_memseg_get_pollfd(at.importer, entry);
      rsm.rsm_intr_signal_post(at.owner, 0); // so that a wait without limit comes back
      return [[entry], 1, 0, rsm.out()];
    },
    inside: [[0, 0], ...insidePollfd(0), [3, 'value']],
  },
  rsm_memseg_get_pollfd: {
    codes: [SEG, ADDR, SHORTAGE].flat(),
    states: either,
    args: (at) => [at.importer, { fd: -1, events: 0, revents: 0 }],
    inside: ['fd', 'events', 'revents'].map((field) => [1, field]),
  },
  rsm_memseg_release_pollfd: { codes: SEG, states: either, args: (at) => [at.importer] },
  rsm_create_localmemory_handle: {
    codes: [ADDR, CTLR, LENGTH, SHORTAGE, PERM, [rsm.RSMERR_BAD_LOCALMEM_HNDL]].flat(),
    states: ['any'],
    args: (at) => [at.importing, rsm.out(), at.fresh, PAGE],
  },
  rsm_free_localmemory_handle: {
    codes: [CTLR, [rsm.RSMERR_BAD_LOCALMEM_HNDL]].flat(),
    states: ['any'],
    args: (at) => [at.importing, at.local],
  },
};
