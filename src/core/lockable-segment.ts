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

/**
 * What one segment has to do with one lock. It has it or asks for it once at a time, and the others of the
 * segment wait for their turn here: so a lock that it has is never confused with one that it asks for, though
 * the memory, and with it the word, may be exchanged in between.
 */
interface Claim {
  /** It has the lock, or asks for it. */
  busy: boolean;
  held: boolean;
  readonly waiting: (() => void)[];
}

export abstract class LockableSegment extends Segment {
  readonly #locks: DriverLocks;
  /** By offset. Entries stay for the next time. */
  readonly #claims: Map<number, Claim> = new Map();
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
  /** Also after what was done: whether it was done to the segment. @throws RsmError CONN_ABORTED */
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
    const claim = this.#claim(offset);
    if (this.#take(offset, claim)) return false;
    if (limit !== 0) return await this.#queue(offset, claim, limit, signal);
    const ownerDied = claim.busy ? null : this.#wait(offset, claim, 0);
    if (ownerDied === null) throw new RsmError(RSMERR_TIMEOUT, 'acquire');
    return ownerDied;
  }

  /**
   * The same, blocking this thread. null: timed out.
   * @param timeoutMs negative: no limit; 0: takes it if it is to be had now
   * @throws RsmError TIMEOUT: this segment has the lock or waits for it, so it would wait for itself
   */
  acquireLockSync(offset: number, timeoutMs: number): boolean | null {
    const limit = milliseconds('acquire', timeoutMs);
    const claim = this.#claim(offset);
    if (this.#take(offset, claim)) return false;
    if (!claim.busy) return this.#wait(offset, claim, limit);
    if (limit === 0) return null;
    const detail = 'this segment has the lock, or waits for it: blocking this thread would never end';
    throw new RsmError(RSMERR_TIMEOUT, 'acquire', detail);
  }

  /**
   * Passes a lock on that was acquired. Of a closed segment it has passed on already.
   * @throws RsmError CONN_ABORTED: the exporter has gone, and the lock with it
   */
  releaseLock(offset: number): void {
    if (!this.live) return;
    this.#locks.release(offset);
    this.#next(this.#claims.get(offset)!);
    this.checkWhole('release');
  }

  /** The offsets of the locks that this segment has. */
  protected get heldLocks(): number[] {
    return [...this.#claims].filter(([, { held }]) => held).map(([offset]) => offset);
  }

  protected override end(): void {
    super.end();
    const detail = 'the segment was closed while its lock was waited for';
    this.endLockWaits(() => new RsmError(RSMERR_BAD_SEG_HNDL, 'acquire', detail));
  }

  /** Ends all waits for locks of this segment. Mostly there are none: an error is made for who waits. */
  protected endLockWaits(error: () => RsmError): void {
    for (const leave of this.#waiters) leave(error());
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

  /** @throws RsmError as `checkLock`; CONN_ABORTED: nobody passes a lock on any more, not even to its own segment */
  #claim(offset: number): Claim {
    this.checkLock('acquire', offset);
    this.checkWhole('acquire');
    let claim = this.#claims.get(offset);
    if (claim === undefined) {
      claim = { busy: false, held: false, waiting: [] };
      this.#claims.set(offset, claim);
    }
    return claim;
  }

  /** Where that needs no waiting. */
  #take(offset: number, claim: Claim): boolean {
    if (claim.busy) return false;
    this.easeReach();
    return this.#locks.take(offset) && this.#taken(claim);
  }

  #wait(offset: number, claim: Claim, limitMs: number): boolean | null {
    const ownerDied = this.#locks.wait(offset, limitMs);
    if (ownerDied !== null) this.#taken(claim);
    return ownerDied;
  }

  /** A word that was changed in a mapping is that of the segment only if the connection is whole after it. */
  #taken(claim: Claim): true {
    this.checkWhole('acquire');
    claim.busy = true;
    claim.held = true;
    return true;
  }

  /** Waits for the turn within this segment, then for the lock. */
  #queue(offset: number, claim: Claim, limitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    return waitFor<boolean>('acquire', limitMs, signal, (leave) => {
      let cancel: (() => void) | undefined;
      const ask = () => {
        cancel = this.#locks.request(offset, (answer) => {
          cancel = undefined;
          claim.held = !(answer instanceof RsmError);
          leave(answer);
          if (!claim.held) this.#next(claim);
        });
        claim.busy = true;
      };
      const turn = () => {
        try {
          if (this.#take(offset, claim)) leave(false);
          else ask();
        } catch (error) {
          leave(error as RsmError);
        }
      };
      if (claim.busy) claim.waiting.push(turn);
      else ask();
      this.#waiters.add(leave);
      return () => {
        this.#waiters.delete(leave);
        const place = claim.waiting.indexOf(turn);
        if (place >= 0) claim.waiting.splice(place, 1);
        if (cancel === undefined) return;
        cancel();
        this.#next(claim);
      };
    });
  }

  /** The lock, and the asking for it, is the next one's of this segment. */
  #next(claim: Claim): void {
    claim.busy = false;
    claim.held = false;
    while (this.live && !claim.busy && claim.waiting.length > 0) claim.waiting.shift()!();
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
