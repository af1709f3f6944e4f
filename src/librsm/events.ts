/** Events (rsmapi.md 2.9). Segments of both kinds. */
import {
  isUint32,
  milliseconds,
  POLLRDNORM,
  type PollEntry,
  RSM_SIGPOST_NO_ACCUMULATE,
  Segment,
  waitDescriptors,
} from '../core/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_ARGS_ERRORS, RSMERR_TIMEOUT, RsmError } from '../errors.ts';
import { call, checkPointer, type Out, store, touch } from './call.ts';
import type { pollfd, rsm_memseg_export_handle_t, rsm_memseg_import_handle_t } from './types.ts';

/** `events` is 16 bits wide in poll(2). */
const MOST_EVENTS = 0xffff;

type SegmentHandle = rsm_memseg_export_handle_t | rsm_memseg_import_handle_t;

/** An event to the other side. BAD_SEG_HNDL, CONN_ABORTED (C-176 … C-180, C-185). */
export function rsm_intr_signal_post(memseg: SegmentHandle, flags: number): number {
  return call(() => {
    const segment = Segment.any(memseg, 'post');
    if (!isUint32(flags)) throw new RsmError(RSMERR_BAD_ADDR, 'post');
    segment.post((flags & RSM_SIGPOST_NO_ACCUMULATE) !== 0);
  });
}

/** Blocks this thread. Milliseconds; 0 polls, -1 is no limit. BAD_SEG_HNDL, TIMEOUT, INTERRUPTED. */
export function rsm_intr_signal_wait(memseg: SegmentHandle, timeout: number): number {
  return call(() => {
    if (!Segment.any(memseg, 'wait').waitSync(timeout)) throw new RsmError(RSMERR_TIMEOUT, 'wait');
  });
}

/**
 * Waits for segments and ordinary descriptors together. BAD_ARGS_ERRORS, BAD_ADDR, TIMEOUT, INTERRUPTED,
 * INSUFFICIENT_RESOURCES (C-190 … C-193).
 */
export function rsm_intr_signal_wait_pollfd(
  fds: pollfd[],
  nfds: number,
  timeout: number,
  numfdsp: Out<number> | null,
): number {
  const operation = 'wait_pollfd';
  return call(() => {
    const tell = (count: number) => {
      if (numfdsp !== null && numfdsp !== undefined) store(operation, RSMERR_BAD_ARGS_ERRORS, numfdsp, count);
    };
    tell(0);
    const limitMs = milliseconds(operation, timeout, RSMERR_BAD_ARGS_ERRORS);
    const entries = readEntries(operation, fds, nfds);
    const ready = waitDescriptors(entries, limitMs);
    touch(operation, RSMERR_BAD_ADDR, () => {
      for (const [i, { revents }] of entries.entries()) fds[i]!.revents = revents;
    });
    tell(ready);
  });
}

/** Clears `revents`, as poll(2) does; so what cannot be written is known before an event is consumed. */
function readEntries(operation: string, fds: pollfd[], nfds: number): PollEntry[] {
  if (nfds === 0) return [];
  checkPointer(operation, RSMERR_BAD_ADDR, fds);
  const length = touch(operation, RSMERR_BAD_ADDR, () => fds.length);
  if (!isUint32(nfds) || !(nfds <= length)) throw new RsmError(RSMERR_BAD_ARGS_ERRORS, operation);
  return Array.from({ length: nfds }, (_, i) => {
    const entry = touch(operation, RSMERR_BAD_ADDR, () => {
      const given = fds[i]!;
      given.revents = 0;
      return { fd: given.fd, events: given.events, revents: 0 };
    });
    if ((entry.fd | 0) === entry.fd && isUint32(entry.events) && entry.events <= MOST_EVENTS) return entry;
    throw new RsmError(RSMERR_BAD_ARGS_ERRORS, operation);
  });
}

/** The segment's descriptor, readable while events are pending. BAD_SEG_HNDL, BAD_ADDR (C-187, C-188). */
export function rsm_memseg_get_pollfd(memseg: SegmentHandle, fd: pollfd): number {
  return call(() => {
    const segment = Segment.any(memseg, 'get_pollfd');
    checkPointer('get_pollfd', RSMERR_BAD_ADDR, fd);
    const descriptor = segment.acquireDescriptor();
    try {
      touch('get_pollfd', RSMERR_BAD_ADDR, () => {
        fd.fd = descriptor;
        fd.events = POLLRDNORM;
      });
    } catch (error) {
      segment.releaseDescriptor();
      throw error;
    }
  });
}

/** One reference less; none at all is fine (C-189). BAD_SEG_HNDL. */
export function rsm_memseg_release_pollfd(memseg: SegmentHandle): number {
  return call(() => Segment.any(memseg, 'release_pollfd').releaseDescriptor());
}
