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

/** Reads the configuration of one import segment, as often as wanted. */
export class Reader {
  #segment;
  #words;
  #text;
  #known = { version: 0 };

  constructor(segment) {
    const memory = segment.map();
    this.#segment = segment;
    this.#words = new Int32Array(memory);
    this.#text = new Uint8Array(memory, TEXT_OFFSET);
  }

  /** One load and one comparison where nothing has changed: nobody is asked. */
  get current() {
    while (Atomics.load(this.#words, VERSION) !== this.#known.version) {
      const read = this.#read();
      // The memory may be exchanged between any two loads. Each has a version of its own and never changes,
      // so what was read between two equal versions was one memory.
      if (Atomics.load(this.#words, VERSION) !== read.version) continue;
      if (!this.#segment.connected) break; // the exporter is gone, and this was nobody's memory
      this.#known = read;
    }
    return this.#known;
  }

  #read() {
    const version = Atomics.load(this.#words, VERSION);
    const limit = Atomics.load(this.#words, LIMIT);
    const length = Atomics.load(this.#words, LENGTH);
    const greeting = new TextDecoder().decode(this.#text.slice(0, length));
    return { version, limit, greeting };
  }
}
