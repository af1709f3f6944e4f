/** Who wants to know of aborted connections, until they are disconnected. */
import { type NativeImport, native } from '../../native/index.ts';

export class AbortListeners {
  readonly #listeners: Map<NativeImport, () => void> = new Map();

  constructor() {
    native.onAbort((segment) => this.fire(segment));
  }

  set(segment: NativeImport, callback: () => void): void {
    this.#listeners.set(segment, callback);
  }

  delete(segment: NativeImport): void {
    this.#listeners.delete(segment);
  }

  /** Tells the listener, once. */
  fire(segment: NativeImport): void {
    const callback = this.#listeners.get(segment);
    this.#listeners.delete(segment);
    if (callback !== undefined) queueMicrotask(callback);
  }
}
