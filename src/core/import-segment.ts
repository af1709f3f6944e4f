/** Import segments: connection, mapping and what transfers must pass (rsmapi.md 1.5, 2.5–2.7). */
import { BARRIERS_FAILED, type DriverImport, GETS, PUTS } from '../drivers/driver.ts';
import {
  RSMERR_BAD_ADDR,
  RSMERR_BAD_LENGTH,
  RSMERR_BAD_MEM_ALIGNMENT,
  RSMERR_BAD_MODE,
  RSMERR_BAD_OFFSET,
  RSMERR_BAD_PERMS,
  RSMERR_BAD_SEG_HNDL,
  RSMERR_BARRIER_UNINITIALIZED,
  RSMERR_CONN_ABORTED,
  RSMERR_MAP_FAILED,
  RSMERR_PERM_DENIED,
  RSMERR_SEG_ALREADY_MAPPED,
  RSMERR_SEG_NOT_MAPPED,
  RSMERR_SEG_STILL_MAPPED,
  RsmError,
} from '../errors.ts';
import { onAbort, onConnect } from '../observe/channels.ts';
import { memoryAt } from './addresses.ts';
import { alignmentUnit } from './attributes.ts';
import type { Barrier } from './barrier.ts';
import {
  RSM_BARRIER_MODE_EXPLICIT,
  RSM_BARRIER_MODE_IMPLICIT,
  RSM_PERM_RDWR,
  RSM_PERM_READ,
} from './constants.ts';
import type { Controller } from './controllers.ts';
import { MAX_BUFFER_BYTES } from './limits.ts';
import { LockableSegment } from './lockable-segment.ts';
import { isSize, isUint32 } from './numbers.ts';
import { checkTarget, type Target, tellRefusal } from './target.ts';
import { Window } from './window.ts';

/** A buffer over a mapping keeps the segment connected, though the program has let the segment go. */
const mappings: WeakMap<ArrayBufferLike, Set<ImportSegment>> = new WeakMap();
/** Other threads may use a shared buffer that nobody on this one has any more: it ends when it is ended. */
const shared: Set<ImportSegment> = new Set();

export class ImportSegment extends LockableSegment {
  readonly node: number;
  readonly id: number;
  /** What was granted: a part of 0600. */
  readonly permission: number;
  readonly #controller: Controller;
  readonly #driver: DriverImport;
  readonly #counts: Float64Array<ArrayBuffer>;
  /** Of a segment that cannot be mapped; null where it can. */
  readonly #unmapped: Window | null;
  #window: Window | null = null;
  /** Mapped for lock operations alone: makes room for what a program, a put or a get maps. */
  #words: Window | null = null;
  #implicit = true;
  #barrier: Barrier | null = null;
  #abortTold = false;

  private constructor(controller: Controller, driver: DriverImport, target: Target) {
    super(driver.events, driver.openLocks(), () => {
      driver.disconnect();
      controller.userGone();
    });
    controller.userCame();
    this.#controller = controller;
    this.#driver = driver;
    this.#counts = driver.counts;
    this.node = target.node;
    this.id = target.id;
    this.permission = target.permission;
    this.#unmapped =
      driver.transfers && Window.unmapped(target.permission, driver.byteLength, driver.transfers);
    // Weakly: nobody need listen, and a forgotten connection is to be collected.
    const self = new WeakRef(this);
    driver.onAbort(() => ImportSegment.#tellAbort(self.deref()));
    if (onConnect.hasSubscribers)
      onConnect.publish({ ...target, byteLength: this.byteLength, owner: this.owner });
  }

  /**
   * Connects; blocks this thread until the exporter's agent has answered.
   * @throws RsmError PERM_DENIED (C-101, C-102, C-110), CTLR_NOT_PRESENT (C-103), SEG_NOT_PUBLISHED (C-104),
   *   SEG_NOT_PUBLISHED_TO_NODE (C-084), REMOTE_NODE_UNREACHABLE, INTERRUPTED (C-109),
   *   INSUFFICIENT_RESOURCES
   */
  static connect(controller: Controller, node: unknown, id: unknown, permission: unknown): ImportSegment {
    const target = checkTarget(node, id, permission);
    try {
      return new ImportSegment(controller, controller.driver.connect(target), target);
    } catch (error) {
      tellRefusal(target, error);
      throw error;
    }
  }

  /** The same without blocking. @throws RsmError INTERRUPTED also when the signal was aborted */
  static async connectAsync(
    controller: Controller,
    node: unknown,
    id: unknown,
    permission: unknown,
    signal: AbortSignal | undefined,
  ): Promise<ImportSegment> {
    const target = checkTarget(node, id, permission, signal);
    controller.userCame();
    try {
      const driver = await controller.driver.connectAsync(target, signal);
      return new ImportSegment(controller, driver, target);
    } catch (error) {
      tellRefusal(target, error);
      throw error;
    } finally {
      controller.userGone();
    }
  }

  /** A live one. @throws RsmError BAD_SEG_HNDL (C-003, C-004) */
  static from(value: unknown, operation: string): ImportSegment {
    const isOne = typeof value === 'object' && value !== null && #driver in value;
    if (!isOne) throw new RsmError(RSMERR_BAD_SEG_HNDL, operation);
    value.checkLive(operation);
    return value;
  }

  get byteLength(): number {
    return this.#driver.byteLength;
  }

  get owner(): { uid: number; pid: number } {
    return this.#driver.owner;
  }

  /** Whether the connection is whole: every access made before the call reached exported memory (1.7). */
  get intact(): boolean {
    return this.live && this.#driver.intact();
  }

  /** What is known of that without asking the other node. */
  get connected(): boolean {
    return this.live && this.#driver.connected;
  }

  /** Calls back once when the exporter ends the connection; keeps the segment until then. */
  onAbort(callback: () => void): void {
    // The reference to this segment is the point: who waits for the end must not lose it to a collection.
    this.#driver.onAbort(() => {
      ImportSegment.#tellAbort(this);
      if (this.live) callback();
    });
  }

  override post(noAccumulate: boolean): void {
    this.checkLive('post');
    this.#checkConnected('post');
    super.post(noAccumulate);
  }

  /**
   * Maps the window [offset, offset + length); `at` is the memory to map over (RSM_MAP_FIXED).
   * @throws RsmError SEG_ALREADY_MAPPED (C-150), BAD_PERMS (C-157), BAD_LENGTH (C-152, C-153), BAD_OFFSET,
   *   BAD_MEM_ALIGNMENT (C-154, C-155), CONN_ABORTED (C-158), BAD_ADDR, MAP_FAILED, INSUFFICIENT_RESOURCES
   */
  map(offset: unknown, length: unknown, permission: unknown, at?: unknown): ArrayBuffer {
    const { start, byteLength, wanted, mapped, fixed } = this.#checkMap(offset, length, permission, at);
    this.#dropWords();
    let bytes: Uint8Array<ArrayBuffer>;
    if (fixed === null) {
      bytes = new Uint8Array(this.#driver.map(start, byteLength, mapped, false));
    } else {
      bytes = new Uint8Array(fixed.buffer, fixed.byteOffset, byteLength);
      this.#driver.mapFixed(start, byteLength, mapped, { ...fixed, byteLength });
    }
    this.#window = new Window(start, wanted, true, bytes);
    this.#keepFor(bytes.buffer);
    return bytes.buffer;
  }

  /** `map` as a SharedArrayBuffer. @throws RsmError as `map`; MAP_FAILED: this runtime cannot make one */
  mapShared(offset: unknown, length: unknown, permission: unknown): SharedArrayBuffer {
    const { start, byteLength, wanted, mapped } = this.#checkMap(offset, length, permission, undefined);
    this.#dropWords();
    const buffer = this.#driver.mapShared(start, byteLength, mapped);
    this.#window = new Window(start, wanted, true, new Uint8Array(buffer));
    shared.add(this);
    return buffer;
  }

  /** @throws RsmError SEG_NOT_MAPPED (C-159) */
  unmap(): void {
    this.checkLive('unmap');
    if (this.#window === null) throw new RsmError(RSMERR_SEG_NOT_MAPPED, 'unmap');
    mappings.get(this.#window.buffer)?.delete(this);
    shared.delete(this);
    this.#window = null;
    this.#driver.unmap();
  }

  /** Whether the program has mapped it; what a put or get mapped does not count. */
  get mapped(): boolean {
    return this.#window?.explicit === true;
  }

  /** @throws RsmError SEG_STILL_MAPPED (C-111), POLLFD_IN_USE (C-113) */
  disconnect(): void {
    this.checkLive('disconnect');
    if (this.mapped) throw new RsmError(RSMERR_SEG_STILL_MAPPED, 'disconnect');
    if (this.#window !== null) this.unmap();
    this.checkNoDescriptor('disconnect');
    this.end();
    this.#driver.disconnect();
    this.#controller.userGone();
  }

  /** The barrier that implicit-mode transfers run in. */
  get barrier(): Barrier | null {
    return this.#barrier;
  }

  set barrier(barrier: Barrier | null) {
    this.#barrier = barrier;
  }

  get mode(): number {
    return this.#implicit ? RSM_BARRIER_MODE_IMPLICIT : RSM_BARRIER_MODE_EXPLICIT;
  }

  /** @throws RsmError BAD_MODE (C-173) */
  setMode(mode: unknown): void {
    this.checkLive('set_mode');
    if (mode !== RSM_BARRIER_MODE_IMPLICIT && mode !== RSM_BARRIER_MODE_EXPLICIT) {
      throw new RsmError(RSMERR_BAD_MODE, 'set_mode');
    }
    this.#implicit = mode === RSM_BARRIER_MODE_IMPLICIT;
  }

  /**
   * What a put or get must pass (2.6, steps 4–9), for `count` items of `width` bytes. Returns the window.
   * @param room how many items the local memory has
   */
  admit(
    operation: string,
    offset: number,
    width: number,
    count: number,
    room: number,
    wanted: number,
  ): Window {
    if (!Number.isSafeInteger(offset)) throw new RsmError(RSMERR_BAD_OFFSET, operation);
    if ((offset & (width - 1)) !== 0) throw new RsmError(RSMERR_BAD_MEM_ALIGNMENT, operation);
    const window = this.#window ?? this.#mapImplicitly();
    if ((window.permission & wanted) === 0) throw new RsmError(RSMERR_PERM_DENIED, operation);
    if (!Number.isSafeInteger(count) || count < 0) throw new RsmError(RSMERR_BAD_LENGTH, operation);
    if (offset < window.start || offset + count * width > window.end) {
      throw new RsmError(RSMERR_BAD_OFFSET, operation);
    }
    if (count > room) throw new RsmError(RSMERR_BAD_ADDR, operation, 'the local memory is too small');
    if (window.detached) throw new RsmError(RSMERR_MAP_FAILED, operation, 'the mapping was transferred away');
    if (this.#implicit && this.#barrier === null) throw new RsmError(RSMERR_BARRIER_UNINITIALIZED, operation);
    return window;
  }

  /** After a transfer: in implicit mode it counts only on a whole connection (2.6, step 11). */
  putDone(operation: string, bytes: number): void {
    if (this.#implicit && !this.#driver.intact()) throw this.broken(operation);
    this.count(PUTS, bytes);
  }

  /** The same. */
  getDone(operation: string, bytes: number): void {
    if (this.#implicit && !this.#driver.intact()) throw this.broken(operation);
    this.count(GETS, bytes);
  }

  /** @param first index of the transfer's count; that of its bytes follows */
  count(first: number, bytes: number): void {
    const counts = this.#counts;
    counts[first]! += 1;
    counts[first + 1]! += bytes;
  }

  /** What a span ends with that met a broken connection; counts it. */
  broken(operation: string): RsmError {
    if (this.live) this.#counts[BARRIERS_FAILED]! += 1;
    return new RsmError(RSMERR_CONN_ABORTED, operation);
  }

  /** The window of putv and getv. @throws RsmError CONN_ABORTED, in both modes (D-18) */
  admitVector(operation: string): Window {
    this.#checkConnected(operation);
    return this.#window ?? this.#mapImplicitly();
  }

  protected override checkMayChange(operation: string): void {
    if (this.permission !== RSM_PERM_RDWR) {
      throw new RsmError(RSMERR_PERM_DENIED, operation, "lock operations need the mode 'rw'");
    }
  }

  /** In an explicit window as a transfer (C-124). @throws RsmError BAD_OFFSET, PERM_DENIED, MAP_FAILED */
  protected override checkReach(operation: string, offset: number, width: number): void {
    const mapped = this.#window ?? this.#unmapped;
    if (mapped === null) this.#words ??= this.#mapWhole();
    const window = (mapped ?? this.#words)!;
    if (window.permission !== RSM_PERM_RDWR) throw new RsmError(RSMERR_PERM_DENIED, operation);
    if (offset < window.start || offset + width > window.end) {
      throw new RsmError(RSMERR_BAD_OFFSET, operation);
    }
    if (window.detached) throw new RsmError(RSMERR_MAP_FAILED, operation, 'the mapping was transferred away');
  }

  protected override easeReach(): void {
    if (this.#window !== null || this.#unmapped !== null || this.byteLength > MAX_BUFFER_BYTES) return;
    this.#words ??= this.#mapWhole();
  }

  protected override checkWhole(operation: string): void {
    this.#checkConnected(operation);
  }

  #dropWords(): void {
    if (this.#words === null) return;
    this.#words = null;
    this.#driver.unmap();
  }

  /** Told once, though more than one listener comes to know. Also who waits behind a lock of its own segment. */
  static #tellAbort(segment: ImportSegment | undefined): void {
    if (!segment?.live || segment.#abortTold) return;
    segment.#abortTold = true;
    segment.endLockWaits(() => new RsmError(RSMERR_CONN_ABORTED, 'acquire'));
    const { node, id, owner } = segment;
    if (onAbort.hasSubscribers) onAbort.publish({ node, id, owner });
  }

  #mapImplicitly(): Window {
    if (this.#unmapped !== null) return this.#unmapped;
    this.#window = this.#words ?? this.#mapWhole();
    this.#words = null;
    return this.#window;
  }

  /** The whole segment, with the granted mode (D-07). */
  #mapWhole(): Window {
    if (this.byteLength > MAX_BUFFER_BYTES) {
      const detail = `the segment does not fit one buffer (${MAX_BUFFER_BYTES} bytes): map a part of it first`;
      throw new RsmError(RSMERR_BAD_LENGTH, 'map', detail);
    }
    const bytes = new Uint8Array(this.#driver.map(0, this.byteLength, this.permission, true));
    return new Window(0, this.permission, false, bytes);
  }

  /** `mapped` is what the pages must allow, `wanted` what puts and gets may do with them. */
  #checkMap(offset: unknown, length: unknown, wanted: unknown, at: unknown) {
    this.checkLive('map');
    if (this.#window !== null) throw new RsmError(RSMERR_SEG_ALREADY_MAPPED, 'map');
    if (!isUint32(wanted) || (wanted & ~RSM_PERM_RDWR) !== 0) throw new RsmError(RSMERR_BAD_PERMS, 'map');
    const { start, length: byteLength } = this.#checkRange(offset, length);
    const fixed = at === undefined ? null : this.#checkFixed(at);
    if (!this.#driver.intact()) throw new RsmError(RSMERR_CONN_ABORTED, 'map');
    if ((wanted & ~this.permission) !== 0) throw new RsmError(RSMERR_BAD_PERMS, 'map');
    if (byteLength > MAX_BUFFER_BYTES) {
      const detail = `one buffer can show ${MAX_BUFFER_BYTES} bytes: map a part of the segment`;
      throw new RsmError(RSMERR_BAD_LENGTH, 'map', detail);
    }
    // Permission 0 bars put and get; memory that faults when touched cannot be given to JavaScript.
    const mapped = wanted || this.permission & RSM_PERM_READ || this.permission;
    return { start, byteLength, wanted, mapped, fixed };
  }

  #checkRange(offset: unknown, length: unknown): { start: number; length: number } {
    if (!isSize(length) || length === 0) throw new RsmError(RSMERR_BAD_LENGTH, 'map');
    if (!isSize(offset)) throw new RsmError(RSMERR_BAD_OFFSET, 'map');
    if (offset + length > this.byteLength) {
      throw new RsmError(RSMERR_BAD_LENGTH, 'map', `the segment ends at ${this.byteLength}`);
    }
    const unit = alignmentUnit(this.#controller.driver.attributes);
    if (offset % unit !== 0) {
      throw new RsmError(RSMERR_BAD_MEM_ALIGNMENT, 'map', `the offset must be a multiple of ${unit} bytes`);
    }
    return { start: offset, length };
  }

  #checkFixed(at: unknown): NonNullable<ReturnType<typeof memoryAt>> {
    const memory = memoryAt(at);
    if (memory === null) throw new RsmError(RSMERR_BAD_ADDR, 'map');
    const unit = alignmentUnit(this.#controller.driver.attributes);
    if (memory.byteOffset % unit !== 0) throw new RsmError(RSMERR_BAD_MEM_ALIGNMENT, 'map');
    return memory;
  }

  #checkConnected(operation: string): void {
    if (!this.#driver.connected) throw new RsmError(RSMERR_CONN_ABORTED, operation);
  }

  #keepFor(buffer: ArrayBuffer): void {
    const segments = mappings.get(buffer) ?? new Set();
    mappings.set(buffer, segments.add(this));
  }
}
