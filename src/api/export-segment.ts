/** What holds an exported segment. */
import {
  type AccessEntry,
  type BufferLike,
  type ExportSegment as Core,
  memoryAt,
  readAccessList,
  roundUp,
} from '../core/index.ts';
import { RSMERR_BAD_ADDR, RsmError } from '../errors.ts';
import { LockSegment } from './locks.ts';
import { optionsOf } from './options.ts';

/** Who may connect: node ids, with permissions like those of files (0644). Empty: every node, as the umask says. */
export type AccessList = { node: number; permission: number }[];

/** Memory that others can import once it is published. Ends with `close`, or with the process. */
export class ExportSegment extends LockSegment implements Disposable {
  readonly #core: Core;
  readonly #byteLength: number;
  readonly #pageBytes: number;

  /** Made by `Controller.createExport`. */
  constructor(core: Core, pageBytes: number) {
    super(core);
    this.#core = core;
    this.#byteLength = core.memory.byteLength;
    this.#pageBytes = pageBytes;
  }

  /** Undefined while it is not published. */
  get id(): number | undefined {
    return this.#core.id;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** How many are connected now. */
  get importers(): number {
    return this.#core.importers;
  }

  /** What is exported; after a rebind the new buffer. */
  get memory(): ArrayBuffer {
    return this.#core.memory.buffer;
  }

  /**
   * Makes the segment importable and returns its id; without one the system chooses. Without a list, or with
   * an empty one, every node may connect, with the permission of the umask at creation.
   * @throws RsmError SEG_ALREADY_PUBLISHED, RESERVED_SEGID, BAD_SEGID, BAD_ACL, SEGID_IN_USE,
   *   INSUFFICIENT_RESOURCES, BAD_SEG_HNDL: closed
   */
  publish(options?: { id?: number; access?: AccessList }): number {
    const { id = 0, access = [] } = optionsOf('publish', options);
    return this.#core.publish(id, () => entriesOf('publish', access));
  }

  /** Replaces the access list for later connects. @throws RsmError SEG_NOT_PUBLISHED, BAD_ACL */
  republish(access: AccessList): void {
    this.#core.republish(() => entriesOf('republish', access));
  }

  /** Aborts all importers; the segment can be published again. @throws RsmError SEG_NOT_PUBLISHED */
  unpublish(): void {
    this.#core.unpublish();
  }

  /**
   * Exchanges the memory under live importers, whose mappings show the new one. Nothing is copied.
   * @throws RsmError REBIND_NOT_ALLOWED, BAD_LENGTH: other than the segment's; BAD_ADDR: misaligned, or not
   *   memory of this library; INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES
   */
  rebind(memory: BufferLike): void {
    this.#core.checkLive('rebind');
    this.#core.rebind(memory, exportLength('rebind', memory, this.#pageBytes));
  }

  /** Unpublishes where needed and ends the segment; its memory stays as it is. Again: nothing happens. */
  close(): void {
    if (this.#core.live) this.#core.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A whole buffer stands for the whole pages behind it; a view for itself. */
export function exportLength(operation: string, memory: unknown, pageBytes: number): number {
  const range = memoryAt(memory);
  if (range === null) throw new RsmError(RSMERR_BAD_ADDR, operation);
  return range.buffer === memory ? roundUp(range.byteLength, pageBytes) : range.byteLength;
}

function entriesOf(operation: string, access: AccessList): AccessEntry[] {
  return readAccessList(operation, access, access?.length, (entry) => {
    const { node, permission } = entry as AccessEntry;
    return { node, permission };
  });
}
