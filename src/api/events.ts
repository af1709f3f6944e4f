/** Events, the same on both kinds of segment (rsmapi.md 1.9). */
import type { Segment } from '../core/index.ts';
import { optionsOf, signalOf } from './options.ts';

/** `timeoutMs`: no limit without it. `signal`: ends the wait with INTERRUPTED. */
export interface WaitOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
}

export abstract class EventSegment {
  readonly #segment: Segment;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  /**
   * An event to the other side: from an export segment to every importer, from an import segment to the
   * exporter. Does not wait for anybody.
   * @param options accumulate false: dropped where one is pending already
   * @throws RsmError BAD_SEG_HNDL: closed; CONN_ABORTED
   */
  post(options?: { accumulate?: boolean }): void {
    this.#segment.post(optionsOf('post', options).accumulate === false);
  }

  /**
   * Resolves with the next event, which is consumed. Keeps the process alive.
   * @throws RsmError TIMEOUT; INTERRUPTED: the signal was aborted; BAD_SEG_HNDL: closed, also meanwhile
   */
  async wait(options?: WaitOptions): Promise<void> {
    const { timeoutMs, signal } = optionsOf('wait', options);
    await this.#segment.wait({ timeoutMs, signal: signalOf('wait', signal) });
  }

  /**
   * Blocks this thread until there is an event, and consumes it. false: timed out. Without a time there is
   * no limit; 0 only looks.
   * @throws RsmError INTERRUPTED: a signal arrived; BAD_SEG_HNDL: closed
   */
  waitSync(timeoutMs?: number): boolean {
    return this.#segment.waitSync(timeoutMs);
  }

  /**
   * One turn per event; ends when the segment is closed.
   * @throws RsmError INTERRUPTED: the signal was aborted; BAD_SEG_HNDL: closed before it began
   */
  events(options?: { signal?: AbortSignal }): AsyncIterable<void> {
    const { signal } = optionsOf('events', options);
    return this.#segment.events({ signal: signalOf('events', signal) });
  }
}
