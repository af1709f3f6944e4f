/** Events of a segment of this node. */
import { RSMERR_INSUFFICIENT_RESOURCES, RSMERR_TIMEOUT, RsmError } from '../../errors.ts';
import { type NativeExport, type NativeImport, native } from '../../native/index.ts';
import type { DriverEvents } from '../driver.ts';
import { done } from '../result.ts';

export class LoopbackEvents implements DriverEvents {
  readonly #segment: NativeExport | NativeImport;

  constructor(segment: NativeExport | NativeImport) {
    this.#segment = segment;
  }

  post(noAccumulate: boolean): void {
    native.post(this.#segment, noAccumulate);
  }

  take(): boolean {
    return native.take(this.#segment);
  }

  wait(timeoutMs: number): boolean {
    const code = native.wait(this.#segment, timeoutMs);
    if (code === RSMERR_TIMEOUT) return false;
    done(code, 'wait');
    return true;
  }

  descriptor(): number {
    const fd = native.eventDescriptor(this.#segment);
    if (fd < 0) throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, 'get_pollfd');
    return fd;
  }

  watch(callback: (() => void) | null, alive: boolean): void {
    done(native.watch(this.#segment, callback, alive), 'wait');
  }
}
