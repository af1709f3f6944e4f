/** Events of a segment of another node. */
import { RSMERR_INSUFFICIENT_RESOURCES, RSMERR_TIMEOUT, RsmError } from '../../errors.ts';
import { fabric, type NativeRemote } from '../../native/index.ts';
import type { DriverEvents } from '../driver.ts';
import { done } from '../result.ts';

/** Indices of EVENT_COUNTERS of the record. */
const POSTS = 0;
const WAITS = 1;

export class OfiEvents implements DriverEvents {
  readonly #remote: NativeRemote;
  /** Posted, and consumed: of the record. */
  readonly #counts: BigUint64Array;

  constructor(remote: NativeRemote, counts: BigUint64Array) {
    this.#remote = remote;
    this.#counts = counts;
  }

  post(noAccumulate: boolean): void {
    done(fabric().post(this.#remote, noAccumulate), 'post');
    this.#counts[POSTS]! += 1n;
  }

  take(): boolean {
    const taken = fabric().take(this.#remote);
    if (taken) this.#counts[WAITS]! += 1n;
    return taken;
  }

  wait(timeoutMs: number): boolean {
    const code = fabric().wait(this.#remote, timeoutMs);
    if (code === RSMERR_TIMEOUT) return false;
    done(code, 'wait');
    this.#counts[WAITS]! += 1n;
    return true;
  }

  descriptor(): number {
    const fd = fabric().eventDescriptor(this.#remote);
    if (fd < 0) throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, 'get_pollfd');
    return fd;
  }

  watch(callback: (() => void) | null, alive: boolean): void {
    done(fabric().watch(this.#remote, callback, alive), 'wait');
  }
}
