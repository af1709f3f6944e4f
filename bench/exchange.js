/**
 * A request and a reply through one segment, as two processes do it that use this package; questions T10 and
 * T11. Whoever waits spins on a turn word, or sleeps until the event that says that there is something.
 *
 *   0      turn of the request       4096            request, `bytes` long
 *   128    turn of the reply         4096 + bytes'   reply, `bytes` long; bytes' is bytes in whole pages
 *
 * A short payload is copied in and out. A long one stays where it is: its first and last bytes are written
 * and read, which is what handing it over needs.
 */
import { allocate } from '../dist/api/index.js';

const PAGE = 4096;
const REPLY_WORD = 32;
/** Longer payloads are handed over, not copied. */
const COPIED_BYTES = 64;

export function exchangeMemory(bytes) {
  return allocate(PAGE + 2 * wholePages(bytes));
}

/** The asking side. waitFor: makes the reply's turn come true. */
export function asking(buffer, bytes) {
  const { turns, request, reply, payload, write, read } = parts(buffer, bytes);
  return {
    payload,
    request(turn) {
      write(request, turn);
      Atomics.store(turns, 0, turn);
    },
    spin(turn) {
      while (Atomics.load(turns, REPLY_WORD) !== turn);
    },
    reply(turn) {
      read(reply, turn);
    },
  };
}

/** The answering side: what it read goes back. */
export function answering(buffer, bytes) {
  const { turns, request, reply, write, read } = parts(buffer, bytes);
  return {
    spin(turn) {
      while (Atomics.load(turns, 0) !== turn);
    },
    answer(turn) {
      read(request, turn);
      write(reply, turn);
      Atomics.store(turns, REPLY_WORD, turn);
    },
  };
}

function parts(buffer, bytes) {
  const payload = new Uint8Array(bytes);
  const last = bytes - 1;
  const copies = bytes <= COPIED_BYTES;
  const check = (found, turn) => {
    if (found !== (turn & 0xff)) throw new Error(`turn ${turn}: the payload is not what was sent`);
  };
  return {
    turns: new Int32Array(buffer, 0, PAGE / 4),
    request: new Uint8Array(buffer, PAGE, bytes),
    reply: new Uint8Array(buffer, PAGE + wholePages(bytes), bytes),
    write: copies
      ? (to, turn) => {
          payload[last] = turn;
          to.set(payload);
        }
      : (to, turn) => {
          to[0] = turn;
          to[last] = turn;
        },
    read: copies
      ? (from, turn) => {
          payload.set(from);
          check(payload[last], turn);
        }
      : (from, turn) => {
          check(from[0], turn);
          check(from[last], turn);
        },
  };
}

function wholePages(bytes) {
  return Math.ceil(bytes / PAGE) * PAGE;
}
