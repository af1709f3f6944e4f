/** Barriers: spans at whose end the loss of the connection shows (rsmapi.md 1.7, 2.8). */
import {
  RSMERR_BAD_BARRIER_PTR,
  RSMERR_BARRIER_NOT_OPENED,
  RSMERR_BARRIER_UNINITIALIZED,
  RSMERR_CONN_ABORTED,
  RsmError,
} from '../errors.ts';
import type { ImportSegment } from './import-segment.ts';

export class Barrier {
  #segment: ImportSegment | null = null;
  #open = false;

  /** @throws RsmError BAD_BARRIER_PTR (C-163) */
  static from(value: unknown, operation: string): Barrier {
    if (typeof value === 'object' && value !== null && #segment in value) return value;
    throw new RsmError(RSMERR_BAD_BARRIER_PTR, operation);
  }

  /** Makes it the barrier of the segment's implicit-mode transfers (C-172). */
  init(segment: ImportSegment): void {
    segment.checkLive('init_barrier');
    this.#leave();
    this.#segment = segment;
    segment.barrier = this;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Opening an open one restarts the span (C-167). @throws RsmError BARRIER_UNINITIALIZED */
  open(): void {
    this.#live('open_barrier');
    this.#open = true;
  }

  /**
   * Writes before it complete before whatever comes after it; the barrier stays open (C-168).
   * @throws RsmError BARRIER_UNINITIALIZED, BARRIER_NOT_OPENED, CONN_ABORTED (D-51)
   */
  order(): void {
    const segment = this.#live('order_barrier');
    if (!this.#open) throw new RsmError(RSMERR_BARRIER_NOT_OPENED, 'order_barrier');
    if (!segment.intact) throw new RsmError(RSMERR_CONN_ABORTED, 'order_barrier');
  }

  /**
   * Success is a promise: no access since the open was made to memory that had been withdrawn.
   * @throws RsmError BARRIER_UNINITIALIZED; CONN_ABORTED: repeat every access; BARRIER_NOT_OPENED (C-166)
   */
  close(): void {
    const segment = this.#live('close_barrier');
    const wasOpen = this.#open;
    this.#open = false;
    if (!segment.intact) throw segment.broken('close_barrier');
    if (!wasOpen) throw new RsmError(RSMERR_BARRIER_NOT_OPENED, 'close_barrier');
  }

  /** @throws RsmError BARRIER_UNINITIALIZED */
  destroy(): void {
    this.#live('destroy_barrier');
    this.#leave();
  }

  #live(operation: string): ImportSegment {
    if (this.#segment?.live === true) return this.#segment;
    throw new RsmError(RSMERR_BARRIER_UNINITIALIZED, operation);
  }

  #leave(): void {
    if (this.#segment?.barrier === this) this.#segment.barrier = null;
    this.#segment = null;
    this.#open = false;
  }
}
