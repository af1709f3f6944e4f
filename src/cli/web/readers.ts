/**
 * Who reads the stream (server-sent events). A reader that has not taken the last message yet gets no
 * other: it misses looks and is then told all that is remembered, so that a slow one costs one message of
 * memory and nobody else anything.
 */
import type { ServerResponse } from 'node:http';
import type { Tick, Whole } from './messages.ts';

/** More than anybody has windows; each costs a message a second. */
export const MOST_READERS = 64;

/** Looks that a reader may let pass before its connection is ended; its browser opens another. */
const MOST_MISSED = 60;

/** How soon a browser comes back. */
const RETRY_MS = 1000;

export class Readers {
  /** With the looks that each has missed since its last message. */
  readonly #missed = new Map<ServerResponse, number>();

  get count(): number {
    return this.#missed.size;
  }

  add(response: ServerResponse, whole: Whole): void {
    this.#missed.set(response, 0);
    // Whoever closes a tab in the middle of a message is an error on some paths, a close on all.
    response.on('error', () => response.destroy());
    response.on('close', () => this.#missed.delete(response));
    response.write(`retry: ${RETRY_MS}\n${message('whole', whole)}`);
  }

  /** @param whole asked for only where a reader needs it */
  tell(tick: Tick, whole: () => Whole): void {
    const next = message('tick', tick);
    let all: string | undefined;
    for (const [response, missed] of this.#missed) {
      if (response.writableNeedDrain) {
        if (missed === MOST_MISSED) response.destroy();
        this.#missed.set(response, missed + 1);
      } else if (missed > 0) {
        all ??= message('whole', whole());
        response.write(all);
        this.#missed.set(response, 0);
      } else {
        response.write(next);
      }
    }
  }

  /** What went wrong with a look, for people. */
  complain(problem: string): void {
    for (const response of this.#missed.keys()) {
      if (!response.writableNeedDrain) response.write(message('problem', problem));
    }
  }

  /** Tells them that there is nobody to come back to. */
  end(): void {
    for (const response of this.#missed.keys()) response.end(message('end', null));
  }
}

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
