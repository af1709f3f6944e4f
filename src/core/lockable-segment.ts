/** Lock operations, the same on both kinds of segment: atomic operations on words, and locks (RSM_LOCK_OPS). */
import type { AtomicOperation, DriverEvents, DriverLocks } from '../drivers/driver.ts';
import {
  RSMERR_BAD_ARGS_ERRORS,
  RSMERR_BAD_MEM_ALIGNMENT,
  RSMERR_BAD_OFFSET,
  RSMERR_BAD_SEG_HNDL,
  RSMERR_LOCKS_NOT_ENABLED,
  RSMERR_TIMEOUT,
  RsmError,
} from '../errors.ts';
import { Segment } from './segment.ts';
import { checkSignal, type Leave, milliseconds, type WaitOptions, waitFor } from './waiting.ts';

/** The width of a lock's word, in bytes. */
const LOCK_WIDTH = 4;

export abstract class LockableSegment extends Segment {
  readonly #locks: DriverLocks;
  /** By offset, whether this segment has the lock or waits for it: how often. Entries stay for the next time. */
  readonly #ours: Map<number, { count: number }> = new Map();
  readonly #waiters: Set<Leave<boolean>> = new Set();

  /** @param end as in Segment */
  constructor(events: DriverEvents, locks: DriverLocks, end: () => void) {
    super(events, end);
    this.#locks = locks;
  }

  abstract readonly byteLength: number;
  /** Whether its holder may read and write. @throws RsmError PERM_DENIED */
  protected abstract checkMayChange(operation: string): void;
  /** Whether a word inside the segment is where this side reaches it; makes it so where it can be. */
  protected abstract checkReach(operation: string, offset: number, width: number): void;
  /** Makes words reachable where that is possible; locks work without, if slower. */
  protected abstract easeReach(): void;
  /** After what was done: whether it was done to the segment. @throws RsmError CONN_ABORTED */
  protected abstract checkWhole(operation: string): void;

  /**
   * Changes a word of 4 bytes (a number) or 8 bytes (a bigint), modulo its width. Its value before, unsigned.
   * @param expected of compareExchange
   * @throws RsmError BAD_SEG_HNDL, BAD_ARGS_ERRORS: no such operand; LOCKS_NOT_ENABLED, BAD_MEM_ALIGNMENT,
   *   PERM_DENIED, BAD_OFFSET, MAP_FAILED, CONN_ABORTED: it may have been done or not
   */
  atomic<T extends number | bigint>(operation: AtomicOperation, offset: number, operand: T, expected: T): T {
    this.checkLive('atomic');
    const width = widthOf(operand);
    if (expected !== operand && widthOf(expected) !== width) throw wrongOperand();
    this.#check('atomic', offset, width);
    this.checkReach('atomic', offset, width);
    const before = this.#locks.atomic(operation, offset, operand, expected);
    this.checkWhole('atomic');
    return before;
  }

  /**
   * What there must be for a lock at `offset`.
   * @throws RsmError BAD_SEG_HNDL, LOCKS_NOT_ENABLED, BAD_MEM_ALIGNMENT: not a multiple of 4; PERM_DENIED: not
   *   connected for reading and writing; BAD_OFFSET
   */
  checkLock(operation: string, offset: number): void {
    this.checkLive(operation);
    this.#check(operation, offset, LOCK_WIDTH);
  }

  /**
   * Waits for the lock, first come, first served. Whether its previous owner died.
   * @throws RsmError as `checkLock`; TIMEOUT, INTERRUPTED: the signal was aborted; CONN_ABORTED, BAD_SEG_HNDL:
   *   closed meanwhile; INSUFFICIENT_RESOURCES: too many requests under way; INSUFFICIENT_MEM
   */
  async acquireLock(offset: number, { timeoutMs = -1, signal }: WaitOptions): Promise<boolean> {
    const limit = milliseconds('acquire', timeoutMs);
    checkSignal('acquire', signal);
    if (limit === 0) {
      const ownerDied = this.tryLock(offset);
      if (ownerDied === null) throw new RsmError(RSMERR_TIMEOUT, 'acquire');
      return ownerDied;
    }
    return this.#takeNow(offset) ? false : this.#waitFor(offset, limit, signal);
  }

  /**
   * The same, blocking this thread. null: timed out.
   * @param timeoutMs negative: no limit
   * @throws RsmError TIMEOUT: this segment has the lock or waits for it, so it would wait for itself
   */
  acquireLockSync(offset: number, timeoutMs: number): boolean | null {
    const limit = milliseconds('acquire', timeoutMs);
    if (limit === 0) return this.tryLock(offset);
    if (this.#takeNow(offset)) return false;
    if (this.#isOurs(offset)) {
      const detail = 'this segment has the lock, or waits for it: blocking this thread would never end';
      throw new RsmError(RSMERR_TIMEOUT, 'acquire', detail);
    }
    return this.#wait(offset, limit);
  }

  /** Takes it if it is to be had now: null where somebody has it. @throws RsmError as `acquireLock` */
  tryLock(offset: number): boolean | null {
    if (this.#takeNow(offset)) return false;
    return this.#isOurs(offset) ? null : this.#wait(offset, 0);
  }

  /**
   * Passes a lock on that was acquired. Of a closed segment it has passed on already.
   * @throws RsmError CONN_ABORTED: the exporter has gone, and the lock with it
   */
  releaseLock(offset: number): void {
    if (!this.live) return;
    this.#count(offset, -1);
    this.#locks.release(offset);
    this.checkWhole('release');
  }

  protected override end(): void {
    super.end();
    for (const leave of this.#waiters) {
      leave(
        new RsmError(RSMERR_BAD_SEG_HNDL, 'acquire', 'the segment was closed while its lock was waited for'),
      );
    }
  }

  #check(operation: string, offset: number, width: number): void {
    if (!this.#locks.enabled) throw new RsmError(RSMERR_LOCKS_NOT_ENABLED, operation);
    if (!Number.isSafeInteger(offset)) throw new RsmError(RSMERR_BAD_OFFSET, operation);
    if (offset % width !== 0) {
      throw new RsmError(RSMERR_BAD_MEM_ALIGNMENT, operation, `the offset must be a multiple of ${width}`);
    }
    this.checkMayChange(operation);
    if (offset < 0 || offset >= this.byteLength) throw new RsmError(RSMERR_BAD_OFFSET, operation);
  }

  #takeNow(offset: number): boolean {
    this.checkLock('acquire', offset);
    this.easeReach();
    return this.#locks.take(offset) && this.#taken(offset);
  }

  #wait(offset: number, limitMs: number): boolean | null {
    const ownerDied = this.#locks.wait(offset, limitMs);
    if (ownerDied !== null) this.#taken(offset);
    return ownerDied;
  }

  #waitFor(offset: number, limitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    return waitFor<boolean>('acquire', limitMs, signal, (leave) => {
      let answered = false;
      const cancel = this.#locks.request(offset, (answer) => {
        answered = true;
        leave(answer);
        if (!(answer instanceof RsmError)) this.#count(offset, 1);
      });
      this.#waiters.add(leave);
      this.#count(offset, 1);
      return () => {
        this.#waiters.delete(leave);
        this.#count(offset, -1);
        if (!answered) cancel();
      };
    });
  }

  /** A word that was changed in a mapping is that of the segment only if the connection is whole after it. */
  #taken(offset: number): true {
    this.checkWhole('acquire');
    this.#count(offset, 1);
    return true;
  }

  #isOurs(offset: number): boolean {
    return (this.#ours.get(offset)?.count ?? 0) > 0;
  }

  #count(offset: number, more: number): void {
    const ours = this.#ours.get(offset);
    if (ours === undefined) this.#ours.set(offset, { count: more });
    else ours.count += more;
  }
}

/** Signed or not: -1 and 2^32 - 1 are the same word. */
const LEAST_64: bigint = -(2n ** 63n);
const END_64: bigint = 2n ** 64n;

/** Of the word that a value is for: 4 bytes for a whole number of 32 bits, 8 for a bigint of 64. */
function widthOf(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32)
    return 4;
  if (typeof value === 'bigint' && value >= LEAST_64 && value < END_64) return 8;
  throw wrongOperand();
}

function wrongOperand(): RsmError {
  const detail = 'operands must be whole numbers of 32 bits, or bigints of 64 bits, and all of one kind';
  return new RsmError(RSMERR_BAD_ARGS_ERRORS, 'atomic', detail);
}
