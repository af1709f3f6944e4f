// A ring of frames in one segment: one camera writes, any number of viewers read, nobody waits for anybody.
//
//   page 0    i32 latest       number of the newest whole frame; 0: none yet
//   page 1…   slots, one after the other; frame n is in slot n % SLOTS
//     0       i32 number       of the frame that is in the slot; 0: one is being written
//     64      pixels
export const SLOTS = 8;
export const PIXELS = 320 * 240;
export const SEGMENT_ID = 0x410000;

const PAGE = 4096;
const PIXELS_OFFSET = 64;
const SLOT_BYTES = Math.ceil((PIXELS_OFFSET + PIXELS) / PAGE) * PAGE;
export const RING_BYTES = PAGE + SLOTS * SLOT_BYTES;

// Stores and loads of pixels are plain and may move past an atomic one, on ARM for instance. Nothing moves
// past a store and the load behind it.
const own = new Int32Array(1);
function fence() {
  Atomics.store(own, 0, 0);
  Atomics.load(own, 0);
}

export class Ring {
  #latest;
  #slots;

  constructor(memory) {
    this.#latest = new Int32Array(memory, 0, 1);
    this.#slots = Array.from({ length: SLOTS }, (_, i) => {
      const start = PAGE + i * SLOT_BYTES;
      return {
        number: new Int32Array(memory, start, 1),
        pixels: new Uint8Array(memory, start + PIXELS_OFFSET, PIXELS),
      };
    });
  }

  get latest() {
    return Atomics.load(this.#latest, 0);
  }

  /** Has `paint` fill the pixels of the next frame in place. */
  write(paint) {
    const next = this.latest + 1;
    const slot = this.#slots[next % SLOTS];
    Atomics.store(slot.number, 0, 0);
    fence();
    paint(slot.pixels, next);
    Atomics.store(slot.number, 0, next);
    Atomics.store(this.#latest, 0, next);
  }

  /** The oldest frame that is surely not being overwritten. */
  get oldest() {
    return Math.max(1, this.latest - SLOTS + 2);
  }

  /** Copies the pixels of a frame. False: it has been overwritten, before or meanwhile. */
  read(number, target) {
    const slot = this.#slots[number % SLOTS];
    if (Atomics.load(slot.number, 0) !== number) return false;
    target.set(slot.pixels);
    fence();
    return Atomics.load(slot.number, 0) === number;
  }
}
