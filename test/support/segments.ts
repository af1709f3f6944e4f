/**
 * Making segments in a line. The functions are self-contained because peers get them as source text
 * (peer.ts): they may use their arguments and nothing else.
 */
import type {
  rsm_memseg_export_handle_t,
  rsm_memseg_import_handle_t,
  rsmapi_access_entry_t,
  rsmapi_barrier_t,
  rsmapi_controller_handle_t,
} from '../../src/librsm/index.ts';
import type { Plane } from './plane.ts';

export type Librsm = typeof import('../../src/librsm/index.ts');

export interface ExportOptions {
  pages?: number;
  flags?: number;
  /** 0 or absent: the system chooses; false: stays unpublished. */
  id?: number | false;
  access?: rsmapi_access_entry_t[];
}

export interface Exported {
  controller: rsmapi_controller_handle_t;
  segment: rsm_memseg_export_handle_t;
  memory: ArrayBuffer;
  bytes: Uint8Array;
  id: number;
}

export interface Tools {
  rsm: Librsm;
  plane: Plane;
  opened(side: 'exporting' | 'importing'): rsmapi_controller_handle_t;
}

/** The controller of the exporting or of the importing end; whoever calls it releases. */
export function opened(
  rsm: Librsm,
  plane: Plane,
  side: 'exporting' | 'importing',
): rsmapi_controller_handle_t {
  const controller = rsm.out<rsmapi_controller_handle_t>();
  const { RSM_CONFIG: usual } = process.env;
  const { config } = plane[side];
  if (config !== undefined) process.env.RSM_CONFIG = config;
  const result = rsm.rsm_get_controller(plane.controller, controller);
  if (usual === undefined) delete process.env.RSM_CONFIG;
  else process.env.RSM_CONFIG = usual;
  if (result !== 0) throw new Error(`get_controller: ${result}`);
  return controller.value!;
}

/** Creates a segment over fresh memory and publishes it; throws the result code's name on failure. */
export function exported({ rsm, opened: open }: Tools, options: ExportOptions = {}): Exported {
  const check = (operation: string, result: number): void => {
    if (result !== 0) throw new Error(`${operation}: ${result}`);
  };
  const controller = open('exporting');
  const memory = rsm.valloc((options.pages ?? 1) * 4096);
  if (memory === null) throw new Error('valloc');
  const segment = rsm.out<rsm_memseg_export_handle_t>();
  check(
    'create',
    rsm.rsm_memseg_export_create(controller, segment, memory, memory.byteLength, options.flags ?? 0),
  );
  const id = rsm.out<number>(options.id || 0);
  if (options.id !== false) {
    const access = options.access ?? [];
    check('publish', rsm.rsm_memseg_export_publish(segment.value!, id, access, access.length));
  }
  return {
    controller,
    segment: segment.value!,
    memory,
    bytes: new Uint8Array(memory),
    id: id.value!,
  };
}

export interface ImportOptions {
  id: number;
  /** The exporting one if absent. */
  node?: number;
  /** Octal permission; 0600 if absent. */
  mode?: number;
  /** false: no barrier is initialised on the segment. */
  barrier?: boolean;
  /** EXPLICIT barrier mode. */
  explicit?: boolean;
}

export interface Imported {
  controller: rsmapi_controller_handle_t;
  segment: rsm_memseg_import_handle_t;
  barrier: rsmapi_barrier_t;
}

/** Connects and initialises a barrier; throws on failure. */
export function imported({ rsm, opened: open, plane }: Tools, options: ImportOptions): Imported {
  const check = (operation: string, result: number): void => {
    if (result !== 0) throw new Error(`${operation}: ${result}`);
  };
  const controller = open('importing');
  const segment = rsm.out<rsm_memseg_import_handle_t>();
  const { node = plane.exporting.node, id, mode = 0o600 } = options;
  check('connect', rsm.rsm_memseg_import_connect(controller, node, id, mode, segment));
  const barrier = rsm.rsmapi_barrier();
  if (options.barrier !== false) {
    const type = rsm.RSM_BAR_DEFAULT;
    check('init_barrier', rsm.rsm_memseg_import_init_barrier(segment.value!, type, barrier));
  }
  if (options.explicit) {
    check('set_mode', rsm.rsm_memseg_import_set_mode(segment.value!, rsm.RSM_BARRIER_MODE_EXPLICIT));
  }
  return { controller: controller, segment: segment.value!, barrier };
}
