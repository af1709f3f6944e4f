/** What holds a connection to a segment of another process. */
import {
  type BufferLike,
  bytesAt,
  ImportSegment as Core,
  checkVectorCount,
  type Direction,
  get,
  get64,
  getAsync,
  isSize,
  put,
  put64,
  putAsync,
  RSM_VA_TYPE,
  transferVector,
} from '../core/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_CONN_ABORTED, RsmError } from '../errors.ts';
import { Barrier } from './barrier.ts';
import { LockSegment } from './locks.ts';
import { type Mode, modeOf, optionsOf, permissionOf } from './options.ts';

/** The window: the whole segment, with the mode of the connection, where nothing else is said. */
export interface MapOptions {
  /** Bytes; a multiple of the page. */
  offset?: number;
  length?: number;
  mode?: Mode;
}

/** One part of a `putv` or `getv`: local bytes, and where in the segment they go to or come from. */
export interface Transfer {
  /** In the segment, bytes. */
  offset: number;
  local: BufferLike;
}

/** A connection to a published segment. Ends with `close`, or with the process. */
export class ImportSegment extends LockSegment implements Disposable {
  readonly #core: Core;
  readonly #barrier: Barrier;
  #aborted: Promise<RsmError> | undefined;

  /** Made by `Controller.connect`. */
  constructor(core: Core) {
    super(core);
    this.#core = core;
    this.#barrier = new Barrier(core);
  }

  get node(): number {
    return this.#core.node;
  }

  get id(): number {
    return this.#core.id;
  }

  get byteLength(): number {
    return this.#core.byteLength;
  }

  /** What was connected with. */
  get mode(): Mode {
    return modeOf(this.#core.permission);
  }

  /** Of the exporting process, from the kernel. */
  get owner(): { uid: number; pid: number } {
    return { ...this.#core.owner };
  }

  /** false: closed, or aborted by the exporter, which is for good. */
  get connected(): boolean {
    return this.#core.connected;
  }

  /** Resolves, with the error, when the exporter ends the connection. Does not keep the process alive. */
  get aborted(): Promise<RsmError> {
    this.#aborted ??= new Promise((resolve) => {
      this.#core.onAbort(() => resolve(new RsmError(RSMERR_CONN_ABORTED, 'connect')));
    });
    return this.#aborted;
  }

  /**
   * Maps the segment, or a window of it. The buffer is the exporter's memory until `unmap`, which detaches
   * it; after an abort it leads to scratch memory and never faults.
   * @throws RsmError SEG_ALREADY_MAPPED (a put or get maps too), BAD_OFFSET, BAD_LENGTH, BAD_MEM_ALIGNMENT,
   *   BAD_PERMS: more than the mode of the connection; CONN_ABORTED, MAP_FAILED, INSUFFICIENT_RESOURCES
   */
  map(options?: MapOptions): ArrayBuffer;
  /**
   * The same as a SharedArrayBuffer, for posting one object to many workers. It cannot be detached: after
   * `unmap` or `close` it leads to scratch memory, as after an abort. Its segment stays open until one of
   * them is called, or this thread ends.
   * @throws RsmError as above; MAP_FAILED also where the runtime cannot wrap foreign memory as one: Node.js
   *   before 22.23.3, 24.16 and 26.1
   */
  map(options: MapOptions & { shared: true }): SharedArrayBuffer;
  map(options?: MapOptions & { shared?: boolean }): ArrayBuffer | SharedArrayBuffer {
    const { offset = 0, length, mode = this.mode, shared } = optionsOf('map', options);
    const permission = permissionOf('map', mode);
    const rest = isSize(offset) ? this.byteLength - offset : 0;
    const window = [offset, length ?? rest, permission] as const;
    return shared ? this.#core.mapShared(...window) : this.#core.map(...window);
  }

  /** @throws RsmError SEG_NOT_MAPPED, BAD_SEG_HNDL: closed */
  unmap(): void {
    this.#core.unmap();
  }

  /**
   * Copies all of `source` into the segment at `offset` (bytes; any alignment). Done, and its errors known,
   * when it returns; within a barrier they are known when that is closed.
   * @throws RsmError BAD_ADDR: no buffer, or a detached one; PERM_DENIED, BAD_OFFSET, CONN_ABORTED,
   *   BAD_SEG_HNDL: closed
   */
  put(offset: number, source: BufferLike): void {
    const core = Core.from(this.#core, 'put');
    // One item of eight bytes, the commonest message: moved as a whole, without making views.
    if (source instanceof BigUint64Array && source.length === 1 && isSize(offset) && offset % 8 === 0) {
      put64(core, offset, source, 1);
    } else {
      const from = bytesAt(source);
      put(core, offset, from, from === null ? 0 : from.length);
    }
  }

  /** Fills `target` from the segment at `offset`. @throws RsmError as `put` */
  get(offset: number, target: BufferLike): void {
    const core = Core.from(this.#core, 'get');
    if (target instanceof BigUint64Array && target.length === 1 && isSize(offset) && offset % 8 === 0) {
      get64(core, offset, target, 1);
    } else {
      const to = bytesAt(target);
      get(core, offset, to, to === null ? 0 : to.length);
    }
  }

  /**
   * `put` on the event loop; several under way at once are faster. On loopback it is done when it returns.
   * `source` must neither change nor be transferred away before.
   */
  async putAsync(offset: number, source: BufferLike): Promise<void> {
    await putAsync(Core.from(this.#core, 'put'), offset, bytesAt(source));
  }

  /** `get`, likewise. */
  async getAsync(offset: number, target: BufferLike): Promise<void> {
    await getAsync(Core.from(this.#core, 'get'), offset, bytesAt(target));
  }

  /**
   * Puts several parts, in order. The first that fails ends it; those before it are done.
   * @param options post: an event to the exporter when all are done
   * @throws RsmError BAD_SGIO: not 1 to 16 parts; BAD_ADDR, PERM_DENIED, BAD_OFFSET, BAD_LENGTH, CONN_ABORTED
   */
  putv(parts: Transfer[], options?: { post?: boolean }): void {
    const { post } = optionsOf('putv', options);
    this.#vector('putv', parts);
    if (post) this.post();
  }

  /** Gets several parts, in order. @throws RsmError as `putv` */
  getv(parts: Transfer[]): void {
    this.#vector('getv', parts);
  }

  /** The barrier of this segment; one object however often it is asked for. */
  barrier(): Barrier {
    return this.#barrier;
  }

  /** Unmaps and disconnects. Again: nothing happens. */
  close(): void {
    if (!this.#core.live) return;
    if (this.#core.mapped) this.#core.unmap();
    this.#core.disconnect();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #vector(direction: Direction, parts: Transfer[]): void {
    if (!Array.isArray(parts)) throw new RsmError(RSMERR_BAD_ADDR, direction, 'parts must be an array');
    const entryAt = (index: number) => {
      const part: Transfer | null | undefined = parts[index];
      const local = bytesAt(part?.local);
      return { type: RSM_VA_TYPE, local, localOffset: 0, remoteOffset: part?.offset, length: local?.length };
    };
    checkVectorCount(direction, parts.length);
    transferVector(direction, Core.from(this.#core, direction), parts.length, entryAt);
  }
}
