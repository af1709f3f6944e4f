// Jobs in one segment: one dispatcher offers them, any number of workers take them by compare-and-exchange.
//
//   a slot, 16 bytes:  i32 state | from | to | result
//   state              FREE, READY, DONE, or, negative, the process id of the worker that has taken it
export const SLOTS = 64;
export const SEGMENT_ID = 0x430000;

const SLOT_WORDS = 4;
const [STATE, FROM, TO, RESULT] = [0, 1, 2, 3];
const [FREE, READY, DONE] = [0, 1, 2];
export const QUEUE_BYTES = SLOTS * SLOT_WORDS * Int32Array.BYTES_PER_ELEMENT;

export class Queue {
  #words;

  constructor(memory) {
    this.#words = new Int32Array(memory, 0, SLOTS * SLOT_WORDS);
  }

  /** Dispatcher: makes a job of it. False: no slot is free. */
  offer(from, to) {
    const [slot] = this.#slots(FREE);
    if (slot === undefined) return false;
    Atomics.store(this.#words, slot + FROM, from);
    Atomics.store(this.#words, slot + TO, to);
    Atomics.store(this.#words, slot + STATE, READY); // last: from here on anybody may take it
    return true;
  }

  /** Worker: a job that is nobody else's; undefined where there is none. */
  take() {
    for (const slot of this.#slots(READY)) {
      if (!this.#change(slot, READY, -process.pid)) continue;
      const [from, to] = [Atomics.load(this.#words, slot + FROM), Atomics.load(this.#words, slot + TO)];
      return { slot, from, to };
    }
    return undefined;
  }

  /** Worker: the job is done. */
  finish({ slot }, result) {
    Atomics.store(this.#words, slot + RESULT, result);
    this.#change(slot, -process.pid, DONE);
  }

  /** Dispatcher: the results that are there; their slots become free. */
  *results() {
    for (const slot of this.#slots(DONE)) {
      const result = Atomics.load(this.#words, slot + RESULT);
      Atomics.store(this.#words, slot + STATE, FREE);
      yield result;
    }
  }

  /** Dispatcher: offers again what a dead worker had taken. Returns how many. */
  giveBack(pid) {
    return this.#slots(-pid).filter((slot) => this.#change(slot, -pid, READY)).length;
  }

  /** How many jobs a worker has. */
  taken(pid) {
    return this.#slots(-pid).length;
  }

  #slots(state) {
    const all = Array.from({ length: SLOTS }, (_, i) => i * SLOT_WORDS);
    return all.filter((slot) => Atomics.load(this.#words, slot + STATE) === state);
  }

  #change(slot, from, to) {
    return Atomics.compareExchange(this.#words, slot + STATE, from, to) === from;
  }
}
