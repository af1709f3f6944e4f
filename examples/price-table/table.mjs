// A table of prices in one segment. Each row has a sequence word that is odd while the row is being written
// (a seqlock): the one writer never waits, and a reader that meets it halfway reads again.
//
//   a row, 32 bytes:  i32 sequence | bid | ask | bid size | ask size | checksum | - | -
export const ROWS = 128;
export const SEGMENT_ID = 0x420000;

const ROW_WORDS = 8;
const VALUES = 4;
const [SEQUENCE, FIRST, CHECKSUM] = [0, 1, 5];
export const TABLE_BYTES = ROWS * ROW_WORDS * Int32Array.BYTES_PER_ELEMENT;
/** A writer that died halfway leaves the row odd for ever. */
const ATTEMPTS = 10_000;

const checksum = (values) => values.reduce((sum, value) => (Math.imul(sum, 31) + value) | 0, 7);

/** All accesses are atomic, and so they stay in the order in which they are written here. */
export class Table {
  #words;

  constructor(memory) {
    this.#words = new Int32Array(memory);
  }

  /** For one writer. */
  write(row, values) {
    const words = this.#words;
    const at = row * ROW_WORDS;
    Atomics.add(words, at + SEQUENCE, 1);
    for (let i = 0; i < VALUES; i++) Atomics.store(words, at + FIRST + i, values[i]);
    Atomics.store(words, at + CHECKSUM, checksum(values));
    Atomics.add(words, at + SEQUENCE, 1);
  }

  /** { values, whole, attempts }; undefined where the row stays half written. */
  read(row) {
    const words = this.#words;
    const at = row * ROW_WORDS;
    for (let attempts = 1; attempts <= ATTEMPTS; attempts++) {
      const before = Atomics.load(words, at + SEQUENCE);
      const values = Array.from({ length: VALUES }, (_, i) => Atomics.load(words, at + FIRST + i));
      const sum = Atomics.load(words, at + CHECKSUM);
      if (before % 2 !== 0 || Atomics.load(words, at + SEQUENCE) !== before) continue;
      return { values, attempts, whole: before === 0 || sum === checksum(values) };
    }
    return undefined;
  }
}
