/** Events of a segment of another node. */
import { RSMERR_INSUFFICIENT_RESOURCES, RSMERR_TIMEOUT, RsmError } from '../../errors.ts';
import { fabric, type NativeRemote } from '../../native/index.ts';
import type { DriverEvents } from '../driver.ts';
import { done } from '../result.ts';

export class OfiEvents implements DriverEvents {
  readonly #remote: NativeRemote;

  constructor(remote: NativeRemote) {
    this.#remote = remote;
  }

  post(noAccumulate: boolean): void {
    done(fabric().post(this.#remote, noAccumulate), 'post');
  }

  take(): boolean {
    return fabric().take(this.#remote);
  }

  wait(timeoutMs: number): boolean {
    const code = fabric().wait(this.#remote, timeoutMs);
    if (code === RSMERR_TIMEOUT) return false;
    done(code, 'wait');
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
