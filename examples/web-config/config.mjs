// The configuration as bytes, and how it is read while somebody replaces it.
//
//    0  i32 version   counts up with every configuration; 0: none
//    4  i32 limit     requests that one client may have open
//    8  i32 length    of the greeting in bytes
//   12  greeting      UTF-8
export const CONFIG_BYTES = 4096;
const [VERSION, LIMIT, LENGTH] = [0, 1, 2];
const TEXT_OFFSET = 12;

export function write(memory, { version, limit, greeting }) {
  const words = new Int32Array(memory);
  const text = new Uint8Array(memory, TEXT_OFFSET);
  words[LENGTH] = new TextEncoder().encodeInto(greeting, text).written;
  words[LIMIT] = limit;
  words[VERSION] = version;
}

/** Reads configurations from one mapping, as often as wanted. */
export class Reader {
  #words;
  #text;
  #known = { version: 0 };

  constructor(memory) {
    this.#words = new Int32Array(memory);
    this.#text = new Uint8Array(memory, TEXT_OFFSET);
  }

  /** One load and one comparison where nothing has changed: nobody is asked. */
  get current() {
    while (Atomics.load(this.#words, VERSION) !== this.#known.version) this.#known = this.#read();
    return this.#known;
  }

  // The memory may be exchanged between any two loads. Every memory has its own version and never changes,
  // so the loads between two equal versions were of one memory; `current` looks at the second.
  #read() {
    const version = Atomics.load(this.#words, VERSION);
    const limit = Atomics.load(this.#words, LIMIT);
    const length = Math.min(Atomics.load(this.#words, LENGTH), this.#text.length);
    const greeting = new TextDecoder().decode(this.#text.slice(0, length));
    return { version, limit, greeting };
  }
}
