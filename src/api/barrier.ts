/** What holds a barrier: a span in which put and get are unchecked and fast. */
import {
  Barrier as Core,
  type ImportSegment,
  RSM_BARRIER_MODE_EXPLICIT,
  RSM_BARRIER_MODE_IMPLICIT,
} from '../core/index.ts';

/**
 * Between `open` and `close` errors of put, get, loads and stores are silent; `close` throws what went wrong,
 * and then every access since `open` has to be repeated.
 */
export class Barrier implements Disposable {
  readonly #core: Core = new Core();
  readonly #segment: ImportSegment;

  /** Made with its segment: implicit-mode transfers need one. */
  constructor(segment: ImportSegment) {
    this.#segment = segment;
    this.#core.init(segment);
  }

  /** Begins the span, or begins it anew. @throws RsmError BARRIER_UNINITIALIZED: the segment is closed */
  open(): this {
    this.#core.open();
    this.#segment.setMode(RSM_BARRIER_MODE_EXPLICIT);
    return this;
  }

  /**
   * What was written before it is there before what comes after it. The barrier stays open.
   * @throws RsmError BARRIER_NOT_OPENED, CONN_ABORTED, BARRIER_UNINITIALIZED: the segment is closed
   */
  order(): void {
    this.#core.order();
  }

  /**
   * Ends the span. Success is a promise that every access in it reached the segment.
   * @throws RsmError CONN_ABORTED, BARRIER_NOT_OPENED, BARRIER_UNINITIALIZED: the segment is closed
   */
  close(): void {
    if (this.#segment.live) this.#segment.setMode(RSM_BARRIER_MODE_IMPLICIT);
    this.#core.close();
  }

  /** `close`, where it is open. */
  [Symbol.dispose](): void {
    if (this.#core.isOpen) this.close();
  }
}
