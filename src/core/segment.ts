/** What both kinds of segment are: something that receives events (rsmapi.md 1.9, 2.9) and ends. */
import type { DriverEvents } from '../drivers/driver.ts';
import { RSMERR_BAD_SEG_HNDL, RSMERR_POLLFD_IN_USE, RSMERR_TIMEOUT, RsmError } from '../errors.ts';
import { descriptors } from './descriptors.ts';
import { checkSignal, type Leave, milliseconds, type WaitOptions, waitFor } from './waiting.ts';

/** Events taken without a turn of the event loop, which is to go on whatever the other side posts. */
const TAKEN_AT_ONCE = 64;

/** Segments that are waited for: kept alive, whoever else has let them go. */
const awaited: Set<Segment> = new Set();
/** The backstop for segments that are forgotten and never closed (design 5.2). */
const forgotten: FinalizationRegistry<() => void> = new FinalizationRegistry((end) => end());

export abstract class Segment {
  readonly #events: DriverEvents;
  #live = true;
  #watching = false;
  #references = 0;
  #takenAtOnce = 0;
  readonly #waiters: Set<Leave<void>> = new Set();
  readonly #ready: () => void;

  /** @param end gives back what the driver holds; must not refer to this object */
  constructor(events: DriverEvents, end: () => void) {
    this.#events = events;
    // Weakly: only waiters keep a segment alive, not the watch that stays on between two waits.
    const self = new WeakRef(this);
    this.#ready = () => Segment.#turned(self.deref());
    forgotten.register(this, end, this);
  }

  static isSegment(value: unknown): value is Segment {
    return typeof value === 'object' && value !== null && #events in value;
  }

  /** A live segment of either kind. @throws RsmError BAD_SEG_HNDL (C-003) */
  static any(value: unknown, operation: string): Segment {
    if (!Segment.isSegment(value)) throw new RsmError(RSMERR_BAD_SEG_HNDL, operation);
    value.checkLive(operation);
    return value;
  }

  get live(): boolean {
    return this.#live;
  }

  checkLive(operation: string): void {
    if (!this.#live) throw new RsmError(RSMERR_BAD_SEG_HNDL, operation, 'the segment is closed');
  }

  /** Posts to the other side. */
  post(noAccumulate: boolean): void {
    this.checkLive('post');
    this.#events.post(noAccumulate);
  }

  /**
   * Blocks this thread until there is an event, and consumes it. false: timed out.
   * @param timeoutMs negative: no limit
   * @throws RsmError INTERRUPTED: a signal arrived; INSUFFICIENT_RESOURCES
   */
  waitSync(timeoutMs: number = -1): boolean {
    this.checkLive('wait');
    return this.#events.wait(milliseconds('wait', timeoutMs));
  }

  /**
   * The same on the event loop. An event releases one waiter, first come first served (C-184).
   * @throws RsmError TIMEOUT; INTERRUPTED: the signal was aborted; BAD_SEG_HNDL: closed meanwhile
   */
  async wait({ timeoutMs = -1, signal }: WaitOptions = {}): Promise<void> {
    this.checkLive('wait');
    const limit = milliseconds('wait', timeoutMs);
    checkSignal('wait', signal);
    if (this.#takesAtOnce(limit)) return;
    if (limit === 0) throw new RsmError(RSMERR_TIMEOUT, 'wait');
    await this.#enlist(limit, signal);
  }

  /** One turn per event, until the segment is closed. @throws RsmError INTERRUPTED: signal was aborted */
  async *events({ signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<void, void> {
    this.checkLive('events');
    while (this.#live) {
      try {
        await this.wait({ signal });
      } catch (error) {
        if (!this.#live) return;
        throw error;
      }
      yield;
    }
  }

  /** One more reference to the descriptor that is readable while events are pending (C-188). */
  acquireDescriptor(): number {
    this.checkLive('get_pollfd');
    const fd = this.#events.descriptor();
    this.#references += 1;
    descriptors.set(fd, this);
    return fd;
  }

  /** Without a reference nothing happens (C-189). */
  releaseDescriptor(): void {
    this.checkLive('release_pollfd');
    if (this.#references === 0) return;
    this.#references -= 1;
    if (this.#references === 0) descriptors.delete(this.#events.descriptor());
  }

  /** Consumes one pending event. */
  take(): boolean {
    return this.#events.take();
  }

  protected checkNoDescriptor(operation: string): void {
    if (this.#references > 0) throw new RsmError(RSMERR_POLLFD_IN_USE, operation);
  }

  /** To be called before the driver's part is ended. */
  protected end(): void {
    this.#live = false;
    forgotten.unregister(this);
    if (this.#watching) this.#events.watch(null, false);
    this.#watching = false;
    for (const leave of this.#waiters) {
      leave(new RsmError(RSMERR_BAD_SEG_HNDL, 'wait', 'the segment was closed while it was waited for'));
    }
  }

  /** In its turn, and not for ever: who awaits what is there already keeps the loop from its timers and signals. */
  #takesAtOnce(limitMs: number): boolean {
    const looksOnly = limitMs === 0;
    if (looksOnly) this.#deliver(); // to those who came first
    if (this.#waiters.size > 0 || (this.#takenAtOnce >= TAKEN_AT_ONCE && !looksOnly)) return false;
    const taken = this.#events.take();
    if (taken) this.#takenAtOnce += 1;
    return taken;
  }

  #enlist(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const begin = (leave: Leave<void>) => {
      this.#watch(true);
      this.#waiters.add(leave);
      awaited.add(this);
      return () => {
        this.#waiters.delete(leave);
        if (this.#waiters.size === 0) this.#rest();
      };
    };
    return waitFor<void>('wait', limitMs, signal, begin, () => this.#deliver());
  }

  #watch(alive: boolean): void {
    this.#events.watch(this.#ready, alive);
    this.#watching = true;
  }

  /** Nobody waits any more; the watch stays on, because most programs wait again at once. */
  #rest(): void {
    awaited.delete(this);
    if (this.#live) this.#watch(false);
  }

  /** The event loop has come to the events. */
  static #turned(segment: Segment | undefined): void {
    if (segment === undefined || !segment.#live) return;
    segment.#takenAtOnce = 0;
    if (segment.#waiters.size === 0) {
      // An event that nobody waits for: without this the loop would be told of it for ever.
      segment.#events.watch(null, false);
      segment.#watching = false;
    }
    segment.#deliver();
  }

  /** To who has waited longest. */
  #deliver(): void {
    for (const leave of this.#waiters) {
      if (!this.#events.take()) return;
      leave();
    }
  }
}
