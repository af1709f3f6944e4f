/**
 * Lock operations on segments of other nodes: the gateway over there carries them out on the memory, and asks
 * the exporter's agent where a lock has to be waited for.
 */
import { RSMERR_TIMEOUT, RsmError } from '../../errors.ts';
import { fabric, type NativeRemote } from '../../native/index.ts';
import { LOCK_CONTENDED } from '../../native/layout.ts';
import type { AtomicOperation, DriverLocks } from '../driver.ts';
import { LockAnswers } from '../lock-answers.ts';
import { done } from '../result.ts';

const LOCK_WIDTH = 4;
/** For an answer that is due at once: an exporter that takes longer is stopped or starved. */
const AT_ONCE_MS = 2000;
/** Any time: a timer that only keeps the event loop going. */
const LONG_MS = 0x7fffffff;

let answers: LockAnswers | undefined;
let keptAlive: NodeJS.Timeout | undefined;

function answersOfThread(): LockAnswers {
  answers ??= new LockAnswers({
    onLockAnswer: (callback) => fabric().onLockAnswer(callback),
    awaitLocks(alive) {
      if (alive) keptAlive = setInterval(() => {}, LONG_MS);
      else clearInterval(keptAlive);
    },
  });
  return answers;
}

export class OfiLocks implements DriverLocks {
  readonly #remote: NativeRemote;
  readonly #owner: number;

  constructor(remote: NativeRemote, owner: number) {
    this.#remote = remote;
    this.#owner = owner;
  }

  get enabled(): boolean {
    return this.#owner !== 0;
  }

  atomic<T extends number | bigint>(operation: AtomicOperation, offset: number, operand: T, expected: T): T {
    const wide = typeof operand === 'bigint';
    const bits = wide ? 64 : 32;
    const before = this.#atomic(
      operation,
      bits / 8,
      offset,
      BigInt.asUintN(bits, BigInt(operand)),
      BigInt.asUintN(bits, BigInt(expected)),
    );
    return (wide ? before : Number(before)) as T;
  }

  take(offset: number): boolean {
    return this.#exchangeIf(offset, 0, this.#owner) === 0;
  }

  wait(offset: number, timeoutMs: number): boolean | null {
    const ticket = answersOfThread().ticket();
    done(fabric().requestLock(this.#remote, offset, ticket, timeoutMs === 0), 'acquire');
    const answer = fabric().waitLock(this.#remote, ticket, timeoutMs === 0 ? AT_ONCE_MS : timeoutMs);
    if (typeof answer === 'boolean') return answer;
    if (answer === RSMERR_TIMEOUT) return null;
    throw new RsmError(answer, 'acquire');
  }

  request(offset: number, answered: (answer: boolean | RsmError) => void): () => void {
    const wanted = answersOfThread();
    const ticket = wanted.ticket();
    done(fabric().requestLock(this.#remote, offset, ticket, false), 'acquire');
    wanted.expect(ticket, answered);
    return () => {
      wanted.forget(ticket);
      fabric().cancelLock(this.#remote, ticket);
    };
  }

  /**
   * Of a connection that is broken it has passed on already. Only a contended word of ours is passed on: any other
   * is of memory that came by a rebind, as on one node (loopback/locks.ts).
   */
  release(offset: number): void {
    if (!fabric().isWhole(this.#remote)) return;
    const found = this.#exchangeIf(offset, this.#owner, 0);
    if (found === LOCK_CONTENDED + this.#owner) fabric().releaseLock(this.#remote, offset);
  }

  /** What it was before. */
  #exchangeIf(offset: number, expected: number, replacement: number): number {
    return Number(this.#atomic('compareExchange', LOCK_WIDTH, offset, BigInt(replacement), BigInt(expected)));
  }

  #atomic(
    operation: AtomicOperation,
    width: number,
    offset: number,
    operand: bigint,
    comparand: bigint,
  ): bigint {
    const before = fabric().atomic(this.#remote, operation, width, offset, operand, comparand);
    if (typeof before === 'bigint') return before;
    throw new RsmError(before, 'atomic');
  }
}
