/**
 * Lock operations of this node: on mapped words where they can be, by asking the exporter's agent where a
 * lock has to be waited for (native/loopback/locks.h).
 */
import { RSMERR_TIMEOUT, RsmError } from '../../errors.ts';
import { type NativeExport, type NativeImport, native } from '../../native/index.ts';
import { LOCK_CONTENDED } from '../../native/layout.ts';
import type { AtomicOperation, DriverLocks } from '../driver.ts';
import { LockAnswers } from '../lock-answers.ts';
import { done } from '../result.ts';
import { Words } from './words.ts';

/** For an answer that is due at once: an exporter that takes longer is stopped or starved. */
const LOCK_AT_ONCE_MS = 1000;

/** native has one callback per thread. */
let answers: LockAnswers | undefined;

function answersOfThread(): LockAnswers {
  answers ??= new LockAnswers(native);
  return answers;
}

export class LoopbackLocks implements DriverLocks {
  readonly #segment: NativeExport | NativeImport;
  readonly #owner: number;
  #words: Words | null = null;
  /**
   * Words that were released without being seen. Nobody knows in which memory that was: they are asked for once
   * before they are taken again, so that the exporter hears of the release first.
   */
  readonly #releasedUnseen: Set<number> = new Set();

  constructor(segment: NativeExport | NativeImport) {
    this.#segment = segment;
    this.#owner = native.lockOwner(segment);
  }

  get enabled(): boolean {
    return this.#owner !== 0;
  }

  /** Where the segment, from `start` on, is seen for reading and writing. */
  show(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, start: number): void {
    if (this.enabled) this.#words = new Words(buffer, byteOffset, byteLength, start);
  }

  /** Makes locks this side's in memory that is not the segment's yet. Returns what makes them what they were. */
  carry(held: readonly number[], buffer: ArrayBuffer, byteOffset: number, byteLength: number): () => void {
    const words = new Words(buffer, byteOffset, byteLength, 0);
    const seen = held.filter((offset) => words.has(offset));
    const before = seen.map((offset) => words.atomic('exchange', offset, this.#owner, 0));
    return () => {
      for (const [index, offset] of seen.entries()) words.atomic('exchange', offset, before[index]!, 0);
    };
  }

  /** It is not seen any more. */
  hide(): void {
    this.#words = null;
  }

  atomic<T extends number | bigint>(operation: AtomicOperation, offset: number, operand: T, expected: T): T {
    return this.#words!.atomic(operation, offset, operand, expected);
  }

  take(offset: number): boolean {
    return !this.#releasedUnseen.has(offset) && this.#exchangeIf(offset, 0, this.#owner) === 0;
  }

  wait(offset: number, timeoutMs: number): boolean | null {
    const ticket = answersOfThread().ticket();
    done(native.requestLock(this.#segment, offset, ticket, timeoutMs === 0), 'acquire');
    const answer = native.waitLock(ticket, timeoutMs === 0 ? LOCK_AT_ONCE_MS : timeoutMs);
    if (typeof answer === 'boolean') {
      this.#releasedUnseen.delete(offset);
      return answer;
    }
    if (answer === RSMERR_TIMEOUT) return null;
    throw new RsmError(answer, 'acquire');
  }

  request(offset: number, answered: (answer: boolean | RsmError) => void): () => void {
    const wanted = answersOfThread();
    const ticket = wanted.ticket();
    done(native.requestLock(this.#segment, offset, ticket, false), 'acquire');
    wanted.expect(ticket, (answer) => {
      if (typeof answer === 'boolean') this.#releasedUnseen.delete(offset);
      answered(answer);
    });
    return () => {
      wanted.forget(ticket);
      native.cancelLock(ticket);
    };
  }

  /**
   * Frees the word, or asks the exporter to pass it on. A word that is another's, or not contended, is one of
   * memory that came by a rebind: our lock went with the old one, and to ask would free what this side may
   * take in the new one before the exporter hears it.
   */
  release(offset: number): void {
    const found = this.#exchangeIf(offset, this.#owner, 0);
    if (found === undefined) this.#releasedUnseen.add(offset);
    if (found === undefined || found === LOCK_CONTENDED + this.#owner)
      native.releaseLock(this.#segment, offset);
  }

  /** What it was before; undefined: a word that is not seen. */
  #exchangeIf(offset: number, expected: number, replacement: number): number | undefined {
    const words = this.#words;
    if (words?.has(offset) !== true) return undefined;
    return words.atomic('compareExchange', offset, replacement, expected);
  }
}
