/** Answers to this thread's requests for locks, each to whoever asked. Native has one callback per thread. */
import { RsmError } from '../errors.ts';
import type { Code } from '../native/index.ts';

type Answered = (answer: boolean | RsmError) => void;

const TICKETS = 2 ** 32;

export interface LockSource {
  onLockAnswer(callback: (ticket: number, answer: boolean | Code) => void): void;
  /** Whether requests are under way that keep the process alive. */
  awaitLocks(alive: boolean): void;
}

export class LockAnswers {
  readonly #source: LockSource;
  readonly #waiting: Map<number, Answered> = new Map();
  #ticket = 0;

  constructor(source: LockSource) {
    this.#source = source;
    source.onLockAnswer((ticket, answer) => this.#tell(ticket, answer));
  }

  /** A ticket that no request under way has. */
  ticket(): number {
    do this.#ticket = (this.#ticket + 1) % TICKETS;
    while (this.#waiting.has(this.#ticket));
    return this.#ticket;
  }

  expect(ticket: number, answered: Answered): void {
    this.#waiting.set(ticket, answered);
    if (this.#waiting.size === 1) this.#source.awaitLocks(true);
  }

  /** No answer is wanted any more. */
  forget(ticket: number): void {
    if (this.#waiting.delete(ticket) && this.#waiting.size === 0) this.#source.awaitLocks(false);
  }

  #tell(ticket: number, answer: boolean | Code): void {
    const answered = this.#waiting.get(ticket);
    this.forget(ticket);
    answered?.(typeof answer === 'boolean' ? answer : new RsmError(answer, 'acquire'));
  }
}
