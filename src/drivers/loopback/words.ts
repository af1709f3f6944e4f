/** The words of a mapped range: atomic operations on them are those of the processor. */
import type { AtomicOperation } from '../driver.ts';

export class Words {
  /** In the segment, bytes. */
  readonly #start: number;
  readonly #words32: Uint32Array;
  readonly #words64: BigUint64Array;

  /** @param byteOffset of the range in the buffer, page-aligned; start of it in the segment, the same */
  constructor(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, start: number) {
    this.#start = start;
    // The last page of an allocation can reach beyond its buffer.
    const bytes = Math.max(0, Math.min(byteLength, buffer.byteLength - byteOffset));
    this.#words32 = new Uint32Array(buffer, byteOffset, Math.floor(bytes / 4));
    this.#words64 = new BigUint64Array(buffer, byteOffset, Math.floor(bytes / 8));
  }

  /** False also for a buffer that a program has transferred away. */
  has(offset: number): boolean {
    return offset >= this.#start && offset - this.#start < this.#words32.byteLength;
  }

  atomic<T extends number | bigint>(operation: AtomicOperation, offset: number, operand: T, expected: T): T {
    const at = offset - this.#start;
    const before =
      typeof operand === 'bigint'
        ? change<BigUint64Array, bigint>(this.#words64, at / 8, operation, operand, expected as bigint)
        : change<Uint32Array, number>(
            this.#words32,
            at / 4,
            operation,
            operand as number,
            expected as number,
          );
    return before as T;
  }
}

/** Of either kind of words: the types of `Atomics` do not meet in one signature. */
type Apply<W, T> = (words: W, at: number, operand: T, replacement?: T) => T;

function change<W, T>(words: W, at: number, operation: AtomicOperation, operand: T, expected: T): T {
  const { [operation]: apply } = Atomics as unknown as Record<AtomicOperation, Apply<W, T>>;
  return operation === 'compareExchange' ? apply(words, at, expected, operand) : apply(words, at, operand);
}
