/** Descriptors of segments (rsmapi.md 2.9): which are whose, and waiting for them beside ordinary ones. */
import {
  RSMERR_BAD_ADDR,
  RSMERR_BAD_ARGS_ERRORS,
  RSMERR_INSUFFICIENT_RESOURCES,
  RSMERR_INTERRUPTED,
  RSMERR_TIMEOUT,
  RsmError,
} from '../errors.ts';
import { native } from '../native/index.ts';
import { POLLRDNORM } from './constants.ts';
import type { Segment } from './segment.ts';

/** Those with pollfd references; C gives wait_pollfd nothing but numbers to know them by. */
export const descriptors: Map<number, Segment> = new Map();

/** As poll(2) has it; events and revents are masks. */
export interface PollEntry {
  readonly fd: number;
  readonly events: number;
  revents: number;
}

/**
 * Waits until a segment of `entries` has an event, which is consumed, or an ordinary descriptor is ready.
 * Sets `revents`, returns how many entries have some. A descriptor that is readable for an event that somebody else
 * took, or that was taken before its bell rang, is waited for again.
 * @throws RsmError TIMEOUT; INTERRUPTED; INSUFFICIENT_RESOURCES; BAD_ARGS_ERRORS: poll(2) refused
 */
export function waitDescriptors(entries: readonly PollEntry[], timeoutMs: number): number {
  const words = new Int32Array(3 * entries.length);
  for (const [i, { fd, events }] of entries.entries()) words.set([fd, events, 0], 3 * i);
  const deadline = performance.now() + timeoutMs;
  for (let rounds = 0; ; rounds += 1) {
    const leftMs = timeoutMs < 0 ? timeoutMs : Math.max(0, Math.ceil(deadline - performance.now()));
    const ready = native.poll(words, entries.length, leftMs, rounds);
    if (ready < 0) throw new RsmError(codeOfErrno(-ready), 'wait_pollfd');
    const found = ready - takeAll(entries, words);
    if (found > 0) return found;
    if (ready === 0 || leftMs === 0) throw new RsmError(RSMERR_TIMEOUT, 'wait_pollfd');
  }
}

/** Sets `revents`, and takes an event of every segment that is ready. Returns how many of them had none. */
function takeAll(entries: readonly PollEntry[], words: Int32Array): number {
  let without = 0;
  for (const [i, entry] of entries.entries()) {
    entry.revents = words[3 * i + 2]!;
    if (entry.revents !== POLLRDNORM || descriptors.get(entry.fd)?.take() !== false) continue;
    entry.revents = 0;
    without += 1;
  }
  return without;
}

function codeOfErrno(errno: number): number {
  switch (process.getBuiltinModule('node:util').getSystemErrorName(-errno)) {
    case 'EAGAIN':
      return RSMERR_INSUFFICIENT_RESOURCES;
    case 'EFAULT':
      return RSMERR_BAD_ADDR;
    case 'EINTR':
      return RSMERR_INTERRUPTED;
    default:
      return RSMERR_BAD_ARGS_ERRORS;
  }
}
