/** Export segments: life cycle and checks in the documented order (rsmapi.md 1.4, 2.4). */
import type { DriverExport, MemoryRange } from '../drivers/driver.ts';
import {
  RSMERR_BAD_ADDR,
  RSMERR_BAD_LENGTH,
  RSMERR_BAD_MEM_ALIGNMENT,
  RSMERR_BAD_OFFSET,
  RSMERR_BAD_SEG_HNDL,
  RSMERR_INSUFFICIENT_RESOURCES,
  RSMERR_LOCKS_NOT_SUPPORTED,
  RSMERR_MAP_FAILED,
  RSMERR_REBIND_NOT_ALLOWED,
  RSMERR_SEG_ALREADY_PUBLISHED,
  RSMERR_SEG_NOT_PUBLISHED,
  RsmError,
} from '../errors.ts';
import { native } from '../native/index.ts';
import { onPublish, onRebind, onUnpublish } from '../observe/channels.ts';
import {
  type AccessEntry,
  checkAccessList,
  checkReached,
  type GrantTable,
  grantTable,
  type Owner,
} from './access.ts';
import { memoryAt } from './addresses.ts';
import { alignmentUnit } from './attributes.ts';
import type { Controller } from './controllers.ts';
import { LockableSegment } from './lockable-segment.ts';
import { isSize } from './numbers.ts';
import { checkNotReserved, checkSegmentId } from './segment-ids.ts';

export interface ExportOptions {
  readonly allowRebind: boolean;
  /** Nobody can ever write to it through an import segment, whatever the access list (design 3.2). */
  readonly readOnly: boolean;
  /** For lock operations (RSM_LOCK_OPS, D-27). */
  readonly lockOps: boolean;
}

/** Reads a program's access list; throws RsmError where it is none. */
export type AccessReader = () => readonly AccessEntry[];

/** @throws RsmError INSUFFICIENT_RESOURCES: no descriptor is left to read the umask with (C-027) */
function currentOwner(): Owner {
  try {
    return { uid: process.geteuid!(), gid: process.getegid!(), umask: native.umask() };
  } catch (cause) {
    const detail = `cannot read the umask: ${(cause as Error).message}`;
    throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, 'create', detail, { cause });
  }
}

/** Published ones stay published though nobody holds them, as a listening server does. */
const published: Set<ExportSegment> = new Set();

export class ExportSegment extends LockableSegment {
  readonly #controller: Controller;
  readonly #driver: DriverExport;
  readonly #owner: Owner;
  readonly #options: ExportOptions;
  #memory: MemoryRange;
  #id: number | undefined;

  private constructor(
    controller: Controller,
    driver: DriverExport,
    memory: MemoryRange,
    owner: Owner,
    options: ExportOptions,
  ) {
    super(driver.events, driver.openLocks(), () => {
      driver.destroy();
      controller.userGone();
    });
    this.#controller = controller;
    this.#driver = driver;
    this.#memory = memory;
    this.#options = options;
    this.#owner = owner;
  }

  /**
   * Exports [address, address + length). Page-aligned, whole pages, memory of this library.
   * @throws RsmError BAD_ADDR (C-020, C-025), BAD_LENGTH (C-019, C-023), BAD_MEM_ALIGNMENT (C-021, C-022),
   *   INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES (C-027, C-036)
   */
  static create(
    controller: Controller,
    address: unknown,
    length: unknown,
    options: ExportOptions,
  ): ExportSegment {
    const { driver } = controller;
    const memory = memoryAt(address);
    if (memory === null) throw new RsmError(RSMERR_BAD_ADDR, 'create');
    if (!isSize(length) || length === 0) throw new RsmError(RSMERR_BAD_LENGTH, 'create');
    const unit = alignmentUnit(driver.attributes);
    if (memory.byteOffset % unit !== 0 || length % unit !== 0) {
      const detail = `address and length must be multiples of ${unit} bytes`;
      throw new RsmError(RSMERR_BAD_MEM_ALIGNMENT, 'create', detail);
    }
    const limit = driver.attributes.maxExportSegmentSize;
    if (limit !== 0 && length > limit) throw new RsmError(RSMERR_BAD_LENGTH, 'create');
    const range = { ...memory, byteLength: length };
    const owner = currentOwner(); // before anything is made that would have to be given back
    const made = driver.createExport(range, options);
    controller.userCame();
    return new ExportSegment(controller, made, range, owner, options);
  }

  /** A live one. @throws RsmError BAD_SEG_HNDL (C-003, C-004) */
  static from(value: unknown, operation: string): ExportSegment {
    const isOne = typeof value === 'object' && value !== null && #driver in value;
    if (!isOne) throw new RsmError(RSMERR_BAD_SEG_HNDL, operation);
    value.checkLive(operation);
    return value;
  }

  get id(): number | undefined {
    return this.#id;
  }

  get memory(): MemoryRange {
    return this.#memory;
  }

  get byteLength(): number {
    return this.#memory.byteLength;
  }

  get importers(): number {
    return this.live ? this.#driver.importers : 0;
  }

  /**
   * Makes it importable. id 0: the system chooses. Returns the id.
   * @param access reads the access list, at its place in the order of checks; empty: every node
   * @throws RsmError BAD_SEGID, SEG_ALREADY_PUBLISHED, RESERVED_SEGID, BAD_ACL, SEGID_IN_USE,
   *   LOCKS_NOT_SUPPORTED (C-035), INSUFFICIENT_RESOURCES
   */
  publish(id: unknown, access: AccessReader): number {
    this.checkLive('publish');
    checkSegmentId(id);
    this.#checkUnpublished();
    checkNotReserved(id);
    const list = this.#read('publish', access);
    this.#checkUnpublished(); // reading the list may have run the program
    const { driver } = this.#controller;
    this.#id = this.#driver.publish(id, this.#grants(list), () => {
      checkReached('publish', list, driver);
      if (this.#options.lockOps && !driver.lockOps) {
        throw new RsmError(RSMERR_LOCKS_NOT_SUPPORTED, 'publish');
      }
    });
    published.add(this);
    if (onPublish.hasSubscribers)
      onPublish.publish({ ...this.#told(this.#id), byteLength: this.#memory.byteLength });
    return this.#id;
  }

  /** Replaces the access list; who is connected stays (C-095). @throws RsmError SEG_NOT_PUBLISHED, BAD_ACL */
  republish(access: AccessReader): void {
    this.checkPublished('republish');
    const list = this.#read('republish', access);
    checkReached('republish', list, this.#controller.driver);
    this.#driver.republish(this.#grants(list));
  }

  /** Ends all connections; it can be published again (C-091). @throws RsmError SEG_NOT_PUBLISHED */
  unpublish(): void {
    this.checkPublished('unpublish');
    this.#driver.unpublish();
    this.#withdrawn();
  }

  /** @throws RsmError SEG_NOT_PUBLISHED (C-089) */
  checkPublished(operation: string): void {
    this.checkLive(operation);
    if (this.#id === undefined) {
      throw new RsmError(RSMERR_SEG_NOT_PUBLISHED, operation, 'the segment is not published');
    }
  }

  /**
   * Exchanges the memory under live importers. Copies nothing (C-065); locks that this segment has it keeps.
   * @throws RsmError BAD_ADDR, REBIND_NOT_ALLOWED, BAD_LENGTH: not the segment's; INSUFFICIENT_MEM,
   *   INSUFFICIENT_RESOURCES: the old memory stays bound (C-064)
   */
  rebind(address: unknown, length: unknown): void {
    this.checkLive('rebind');
    const memory = memoryAt(address);
    if (memory === null) throw new RsmError(RSMERR_BAD_ADDR, 'rebind');
    if (!this.#options.allowRebind) throw new RsmError(RSMERR_REBIND_NOT_ALLOWED, 'rebind');
    const { buffer, byteOffset, byteLength } = this.#memory;
    if (length !== byteLength) {
      throw new RsmError(
        RSMERR_BAD_LENGTH,
        'rebind',
        `the length must be that of the segment, ${byteLength}`,
      );
    }
    if (memory.buffer === buffer && memory.byteOffset === byteOffset) return;
    const unit = alignmentUnit(this.#controller.driver.attributes);
    if (memory.byteOffset % unit !== 0) {
      throw new RsmError(RSMERR_BAD_ADDR, 'rebind', `the address must be a multiple of ${unit} bytes`);
    }
    const range = { ...memory, byteLength };
    this.#driver.rebind(range, this.heldLocks);
    this.#memory = range;
    if (onRebind.hasSubscribers) onRebind.publish({ ...this.#told(this.#id ?? 0), byteLength });
  }

  override acquireDescriptor(): number {
    this.checkLive('get_pollfd');
    if (this.#id === undefined) {
      throw new RsmError(RSMERR_BAD_SEG_HNDL, 'get_pollfd', 'the segment is not published');
    }
    return super.acquireDescriptor();
  }

  /** @throws RsmError POLLFD_IN_USE: nothing has changed then (C-039) */
  destroy(): void {
    this.checkLive('destroy');
    this.checkNoDescriptor('destroy');
    this.end();
    this.#driver.destroy();
    this.#withdrawn();
    this.#controller.userGone();
  }

  /** Its memory is this process's own. */
  protected override checkMayChange(): void {}

  /** @throws RsmError BAD_OFFSET: on the last page, behind the buffer; MAP_FAILED */
  protected override checkReach(operation: string, offset: number, width: number): void {
    const { buffer, byteOffset } = this.#memory;
    if (buffer.byteLength === 0) {
      throw new RsmError(RSMERR_MAP_FAILED, operation, 'the memory was transferred away');
    }
    if (byteOffset + offset + width > buffer.byteLength) {
      throw new RsmError(RSMERR_BAD_OFFSET, operation);
    }
  }

  protected override easeReach(): void {}

  protected override checkWhole(): void {}

  #checkUnpublished(): void {
    if (this.#id !== undefined) throw new RsmError(RSMERR_SEG_ALREADY_PUBLISHED, 'publish');
  }

  #read(operation: string, access: AccessReader): readonly AccessEntry[] {
    const list = access();
    checkAccessList(operation, list, this.#controller.driver, this.#options.readOnly);
    return list;
  }

  #grants(list: readonly AccessEntry[]): GrantTable {
    const { driver } = this.#controller;
    // One entry (C-079): it reaches the own node and no other.
    const only = driver.accessListLimit === 1 ? driver.nodeId : undefined;
    return grantTable(this.#owner, list, this.#options.readOnly, only);
  }

  #told(id: number): { node: number; id: number } {
    return { node: this.#controller.driver.nodeId, id };
  }

  #withdrawn(): void {
    if (this.#id !== undefined && onUnpublish.hasSubscribers) onUnpublish.publish(this.#told(this.#id));
    this.#id = undefined;
    published.delete(this);
  }
}
