/** Who wants to know of connections that end, until they are disconnected. Native has one callback per thread. */
export class EndListeners<S extends object> {
  readonly #listeners: Map<S, () => void> = new Map();

  /** @param listen hands over the callback */
  constructor(listen: (ended: (segment: S) => void) => void) {
    listen((segment) => this.fire(segment));
  }

  set(segment: S, callback: () => void): void {
    this.#listeners.set(segment, callback);
  }

  delete(segment: S): void {
    this.#listeners.delete(segment);
  }

  /** Tells the listener, once. */
  fire(segment: S): void {
    const callback = this.#listeners.get(segment);
    this.#listeners.delete(segment);
    if (callback !== undefined) queueMicrotask(callback);
  }
}
