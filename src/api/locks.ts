/** Lock operations, the same on both kinds of segment: atomic operations, and locks. */
import type { LockableSegment } from '../core/index.ts';
import { EventSegment, type WaitOptions } from './events.ts';
import { optionsOf, signalOf } from './options.ts';

export abstract class LockSegment extends EventSegment {
  readonly #segment: LockableSegment;

  constructor(segment: LockableSegment) {
    super(segment);
    this.#segment = segment;
  }

  /**
   * Adds to a word of the segment, for everybody at once, and returns what it was before. A number is for a
   * word of 4 bytes, a bigint for one of 8; `offset` is a multiple of that. Unsigned: it wraps at 2^32 or 2^64,
   * and -1 takes one away. The segment must have been created with `lockOps`.
   * @throws RsmError LOCKS_NOT_ENABLED; BAD_ARGS_ERRORS: no number or bigint of that size; BAD_MEM_ALIGNMENT;
   *   PERM_DENIED: the mode is not 'rw'; BAD_OFFSET: outside the segment or the mapped window; CONN_ABORTED: it
   *   may have been done or not; BAD_SEG_HNDL: closed
   */
  fetchAdd<T extends number | bigint>(offset: number, value: T): Word<T> {
    return this.#segment.atomic('add', offset, value, value) as Word<T>;
  }

  /** Keeps the bits that `value` has. @throws RsmError as `fetchAdd` */
  fetchAnd<T extends number | bigint>(offset: number, value: T): Word<T> {
    return this.#segment.atomic('and', offset, value, value) as Word<T>;
  }

  /** Sets the bits that `value` has. @throws RsmError as `fetchAdd` */
  fetchOr<T extends number | bigint>(offset: number, value: T): Word<T> {
    return this.#segment.atomic('or', offset, value, value) as Word<T>;
  }

  /** Flips the bits that `value` has. @throws RsmError as `fetchAdd` */
  fetchXor<T extends number | bigint>(offset: number, value: T): Word<T> {
    return this.#segment.atomic('xor', offset, value, value) as Word<T>;
  }

  /** Stores `value` and returns what was there. @throws RsmError as `fetchAdd` */
  exchange<T extends number | bigint>(offset: number, value: T): Word<T> {
    return this.#segment.atomic('exchange', offset, value, value) as Word<T>;
  }

  /** Stores `value` only where the word is `expected`; returns what was there. @throws RsmError as `fetchAdd` */
  compareExchange<T extends number | bigint>(offset: number, expected: T, value: T): Word<T> {
    return this.#segment.atomic('compareExchange', offset, value, expected) as Word<T>;
  }

  /**
   * The lock whose word is the 4 bytes at `offset`, a multiple of 4; 0 is a free lock. Everybody who says the
   * same offset has the same lock. Its word is not to be written in another way.
   * @throws RsmError LOCKS_NOT_ENABLED, BAD_MEM_ALIGNMENT, PERM_DENIED: the mode is not 'rw'; BAD_OFFSET,
   *   BAD_SEG_HNDL: closed
   */
  lock(offset: number): Lock {
    return new Lock(this.#segment, offset);
  }
}

/** What an atomic operation on such an operand returns. */
export type Word<T extends number | bigint> = T extends number ? number : bigint;

/**
 * A lock in the memory of a segment: of all who ask, in all processes, one has it, and they get it in the order
 * of asking. It survives the death of whoever has it.
 */
export class Lock {
  readonly #segment: LockableSegment;
  readonly #offset: number;

  /** Made by `lock` of a segment. */
  constructor(segment: LockableSegment, offset: number) {
    segment.checkLock('lock', offset);
    this.#segment = segment;
    this.#offset = offset;
  }

  /** Of its word in the segment. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Resolves when it is ours. Keeps the process alive.
   * @throws RsmError TIMEOUT; INTERRUPTED: the signal was aborted; CONN_ABORTED; BAD_SEG_HNDL: closed, also
   *   meanwhile; INSUFFICIENT_RESOURCES: 64 locks are asked for by this segment
   */
  async acquire(options?: WaitOptions): Promise<HeldLock> {
    const { timeoutMs, signal } = optionsOf('acquire', options);
    const wait = { timeoutMs, signal: signalOf('acquire', signal) };
    return new HeldLock(this.#segment, this.#offset, await this.#segment.acquireLock(this.#offset, wait));
  }

  /**
   * The same, blocking this thread. null: timed out. Without a time there is no limit.
   * @throws RsmError as `acquire`; TIMEOUT: this segment has it already, or waits for it, and would wait for ever
   */
  acquireSync(timeoutMs: number = -1): HeldLock | null {
    return this.#held(this.#segment.acquireLockSync(this.#offset, timeoutMs));
  }

  /** null where somebody else has it. Waits for nobody, but may have to ask the exporter's agent. */
  tryAcquire(): HeldLock | null {
    return this.#held(this.#segment.acquireLockSync(this.#offset, 0));
  }

  #held(ownerDied: boolean | null): HeldLock | null {
    return ownerDied === null ? null : new HeldLock(this.#segment, this.#offset, ownerDied);
  }
}

/** A lock that is ours, until it is released or disposed of, or its segment is closed. */
export class HeldLock implements Disposable, AsyncDisposable {
  readonly #segment: LockableSegment;
  readonly #offset: number;
  #ours = true;
  /**
   * Whoever had it before ended without releasing it: killed, aborted, or its segment closed. What the lock
   * guards may be half done; who repairs it, or ends without releasing, is the only one told.
   */
  readonly ownerDied: boolean;

  /** Made by `acquire`, `acquireSync` and `tryAcquire`. */
  constructor(segment: LockableSegment, offset: number, ownerDied: boolean) {
    this.#segment = segment;
    this.#offset = offset;
    this.ownerDied = ownerDied;
  }

  /**
   * Passes it on to whoever has waited longest. Again, or after the segment was closed: nothing happens.
   * @throws RsmError CONN_ABORTED: the exporter went meanwhile, and what was written may be lost
   */
  release(): void {
    if (!this.#ours) return;
    this.#ours = false;
    this.#segment.releaseLock(this.#offset);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}
