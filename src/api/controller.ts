/** What holds a controller: the way to segments. */
import {
  alignmentUnit,
  type BufferLike,
  type ControllerAttributes,
  Controller as Core,
  ExportSegment as CoreExport,
  ImportSegment as CoreImport,
  readTopology,
  type Topology,
} from '../core/index.ts';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import { ExportSegment, exportLength } from './export-segment.ts';
import { ImportSegment } from './import-segment.ts';
import { type Mode, optionsOf, permissionOf, signalOf } from './options.ts';

/** How a segment is made. All are false, or the whole memory, where they are absent. */
export interface CreateOptions {
  /** `rebind` may exchange the memory later. */
  allowRebind?: boolean;
  /** As RSM_CREATE_SEG_DONTWAIT. Nothing on loopback waits for resources. */
  dontWait?: boolean;
  /** As RSM_LOCK_OPS: atomic operations and locks. */
  lockOps?: boolean;
  /** No importer can ever write, whatever the access list and whoever it is. */
  readOnly?: boolean;
  /** Bytes, whole pages; all of the memory where it is absent. */
  length?: number;
}

/** A segment of the node; of this one where `node` is absent. The mode is 'rw' where it is absent. */
export interface Target {
  node?: number;
  id: number;
  mode?: Mode;
}

/**
 * Opens a controller; 'loopback' reaches the own node. Several opens share what is behind them.
 * @param options config: the configuration file, in place of RSM_CONFIG and /etc/rsm/rsm.toml
 * @throws RsmError CTLR_NOT_PRESENT: no such controller, or no runtime directory; BAD_CONF; BAD_ADDR;
 *   INSUFFICIENT_RESOURCES: no descriptor is left
 */
export function openController(name?: string, options?: { config?: string }): Controller {
  const { config } = optionsOf('openController', options);
  if (config !== undefined && typeof config !== 'string') {
    throw new RsmError(RSMERR_BAD_CONF, 'openController', 'config must be the path of a file');
  }
  return new Controller(Core.get(name, config));
}

/** The way to the segments that one controller reaches. `close` it, or dispose of it. */
export class Controller implements Disposable {
  readonly #core: Core;
  #open = true;

  /** Made by `openController`. */
  constructor(core: Core) {
    this.#core = core;
  }

  get name(): string {
    return this.#core.driver.name;
  }

  /** Of the own node. */
  get nodeId(): number {
    return this.#core.driver.nodeId;
  }

  get attributes(): ControllerAttributes {
    return this.#core.driver.attributes;
  }

  /** A snapshot. @throws RsmError BAD_CTLR_HNDL: closed */
  topology(): Topology {
    return readTopology(this.#live('topology'));
  }

  /**
   * Exports memory: a whole buffer of `allocate`, `mapFile` or `attachSystemV` in place, or pages of one.
   * Nobody can import it before it is published.
   * @throws RsmError BAD_CTLR_HNDL: closed; BAD_ADDR: not memory of this library; BAD_LENGTH,
   *   BAD_MEM_ALIGNMENT, INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES
   */
  createExport(memory: BufferLike, options?: CreateOptions): ExportSegment {
    const core = this.#live('create');
    const { allowRebind, lockOps, readOnly, length } = optionsOf('create', options);
    const pageBytes = alignmentUnit(core.driver.attributes);
    const bytes = length ?? exportLength('create', memory, pageBytes);
    const flags = {
      allowRebind: Boolean(allowRebind),
      lockOps: Boolean(lockOps),
      readOnly: Boolean(readOnly),
    };
    return new ExportSegment(CoreExport.create(core, memory, bytes, flags), pageBytes);
  }

  /**
   * Connects to a published segment without blocking the thread. `signal` ends the attempt.
   * @throws RsmError BAD_CTLR_HNDL: closed; PERM_DENIED, CTLR_NOT_PRESENT, SEG_NOT_PUBLISHED,
   *   SEG_NOT_PUBLISHED_TO_NODE, REMOTE_NODE_UNREACHABLE, INTERRUPTED, INSUFFICIENT_RESOURCES
   */
  async connect(target: Target & { signal?: AbortSignal }): Promise<ImportSegment> {
    const core = this.#live('connect');
    const { node = this.nodeId, id, mode = 'rw', signal } = optionsOf('connect', target);
    const permission = permissionOf('connect', mode);
    const abort = signalOf('connect', signal);
    return new ImportSegment(await CoreImport.connectAsync(core, node, id, permission, abort));
  }

  /** The same, blocking this thread. */
  connectSync(target: Target): ImportSegment {
    const core = this.#live('connect');
    const { node = this.nodeId, id, mode = 'rw' } = optionsOf('connect', target);
    return new ImportSegment(CoreImport.connect(core, node, id, permissionOf('connect', mode)));
  }

  /** Segments live on. Again: nothing happens. */
  close(): void {
    if (this.#open) this.#core.release();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #live(operation: string): Core {
    return Core.from(this.#open ? this.#core : undefined, operation);
  }
}
