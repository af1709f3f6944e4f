/**
 * The controller-driver seam (our RSMPI, rsmapi.md 4.1). A driver moves segments between processes; the
 * rules of RSMAPI are above it, in `core`. Arguments have been checked when they arrive here. Functions
 * throw `RsmError`; a failing call leaves everything as it was.
 */

import type { GrantTable } from '../core/access.ts';
import type { ControllerAttributes } from '../core/attributes.ts';
import type { LocalController } from '../core/topology.ts';
import type { RsmError } from '../errors.ts';

/** A page-aligned range of memory of this library. */
export interface MemoryRange {
  buffer: ArrayBuffer;
  byteOffset: number;
  byteLength: number;
}

export interface Driver {
  /** Type and unit: `loopback`, `ofi0`. */
  readonly name: string;
  readonly nodeId: number;
  readonly attributes: ControllerAttributes;
  /** How many entries an access list may have here: 1 on loopback (C-079). */
  readonly accessListLimit: number;
  /** Whether segments made here can have lock operations (C-035). */
  readonly lockOps: boolean;
  /** Whether segments can be published to, or imported from, that node through this controller. */
  reaches(node: number): boolean;
  /** The controllers of the interconnect on this node, and every configured path of theirs (rsmapi.md 2.2). */
  interconnect(): LocalController[];
  createExport(memory: MemoryRange, options: { readOnly: boolean; lockOps: boolean }): DriverExport;
  connect(target: ConnectTarget): DriverImport;
  connectAsync(target: ConnectTarget, signal: AbortSignal | undefined): Promise<DriverImport>;
  close(): void;
}

export interface ConnectTarget {
  node: number;
  id: number;
  permission: number;
}

export interface DriverEvents {
  /** Posts to whoever is on the other side. */
  post(noAccumulate: boolean): void;
  take(): boolean;
  /** Blocks. false: timed out. -1: no limit. Throws INTERRUPTED, INSUFFICIENT_RESOURCES. */
  wait(timeoutMs: number): boolean;
  /** Readable while events are pending. Throws INSUFFICIENT_RESOURCES. */
  descriptor(): number;
  /** Calls back on the event loop while events may be pending; null stops. */
  watch(callback: (() => void) | null, alive: boolean): void;
}

/** What an atomic operation makes of a word and its operand. */
export type AtomicOperation = 'add' | 'and' | 'or' | 'xor' | 'exchange' | 'compareExchange';

/**
 * Lock operations of a segment (RSM_LOCK_OPS, design 3.8), atomic among all who reach the segment. A word is
 * named by its offset in the segment, in bytes: aligned to its width, and inside.
 */
export interface DriverLocks {
  /** Whether the segment was created for them. */
  readonly enabled: boolean;
  /**
   * Changes the word of 4 bytes (numbers) or 8 (bigints), modulo its width. Its value before, unsigned.
   * @param expected of compareExchange: stores only where the word is that
   */
  atomic<T extends number | bigint>(operation: AtomicOperation, offset: number, operand: T, expected: T): T;
  /** Takes the lock whose word (4 bytes) is at `offset` where that needs no waiting. */
  take(offset: number): boolean;
  /** Blocks until the lock is ours: whether its previous owner died. null: timed out. -1: no limit; 0: only
   * if it is to be had now, which may be where `take` failed. Throws CONN_ABORTED, INTERRUPTED, … */
  wait(offset: number, timeoutMs: number): boolean | null;
  /** The same on the event loop; the pending request keeps the process alive. Returns what gives it up: no
   * answer comes after that, nor from a segment that has ended. */
  request(offset: number, answered: (answer: boolean | RsmError) => void): () => void;
  /** To whoever has waited longest; free where nobody waits. */
  release(offset: number): void;
}

/**
 * Transfers between memory of this process and a segment that is not mapped. `at` and `length` are bytes
 * within the view, `offset` bytes in the segment; ranges and rights have been checked. The answer is as that
 * of `DriverImport.intact` after the access; an unchecked access is only on its way, or as good as lost.
 */
export interface DriverTransfers {
  put(offset: number, from: ArrayBufferView, at: number, length: number, checked: boolean): boolean;
  get(offset: number, to: ArrayBufferView, at: number, length: number, checked: boolean): boolean;
  /** Checked, on the event loop. The view's memory must stay where it is until then. */
  putAsync(offset: number, from: ArrayBufferView, at: number, length: number): Promise<boolean>;
  getAsync(offset: number, to: ArrayBufferView, at: number, length: number): Promise<boolean>;
}

/** Indices of `DriverImport.counts`. Others read them at any time: they are only added to. */
export const PUTS = 0;
export const BYTES_PUT = 1;
export const GETS = 2;
export const BYTES_GOT = 3;
export const BARRIERS_FAILED = 4;

export interface DriverExport {
  readonly events: DriverEvents;
  readonly importers: number;
  /** To be asked for once; whoever asks keeps it, and the segment does not. */
  openLocks(): DriverLocks;
  /**
   * id 0: the next system id. Returns the id. Throws SEGID_IN_USE, INSUFFICIENT_RESOURCES.
   * @param allow called when the id is known to be free, before anybody can connect; what it throws ends it
   */
  publish(id: number, grants: GrantTable, allow: () => void): number;
  republish(grants: GrantTable): void;
  unpublish(): void;
  /** held: offsets of locks that are this segment's in the new memory, too. */
  rebind(memory: MemoryRange, held: readonly number[]): void;
  destroy(): void;
}

export interface DriverImport {
  readonly events: DriverEvents;
  readonly byteLength: number;
  /** Of the exporting process, from the kernel. */
  readonly owner: { uid: number; pid: number };
  /** Where the transfers through this import are counted: see `TRANSFER`. */
  readonly counts: Float64Array<ArrayBuffer>;
  /** How bytes move where memory cannot be mapped, and `map` is MAP_FAILED; null: through mappings. */
  readonly transfers: DriverTransfers | null;
  /** As of an export. */
  openLocks(): DriverLocks;
  /**
   * The generation check of 1.7: a full fence, then whether the connection is whole since connect.
   * True promises that every access made before the call reached memory that was still exported.
   */
  intact(): boolean;
  /** What is known of that without asking the other node; true promises nothing. */
  readonly connected: boolean;
  /** A window. internal: for put and get, not handed to the program. */
  map(offset: number, length: number, permission: number, internal: boolean): ArrayBuffer;
  /** For several threads; it stays when the mapping ends, and leads to scratch memory from then on. */
  mapShared(offset: number, length: number, permission: number): SharedArrayBuffer;
  /** The window over `at` (RSM_MAP_FIXED). */
  mapFixed(offset: number, length: number, permission: number, at: MemoryRange): void;
  unmap(): void;
  disconnect(): void;
  /** Called once when the connection is aborted by the other side; does not keep the process alive. */
  onAbort(callback: () => void): void;
}
