/** Waits on the event loop, with a limit and a signal. */
import { RSMERR_BAD_ADDR, RSMERR_INTERRUPTED, RSMERR_TIMEOUT, RsmError } from '../errors.ts';
import { MAX_TIMER_MS } from './limits.ts';

export interface WaitOptions {
  /** Without one there is no limit. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Ends one wait, with what was waited for or an error. Further calls do nothing. */
export type Leave<T> = (outcome: T | RsmError) => void;

/** A time as native takes it; negative and infinite ones are no limit. */
export function milliseconds(operation: string, value: unknown, code: number = RSMERR_BAD_ADDR): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new RsmError(code, operation, 'the time-out must be a number of milliseconds');
  }
  if (value < 0 || value === Number.POSITIVE_INFINITY) return -1;
  return Math.min(Math.ceil(value), MAX_TIMER_MS);
}

/** @throws RsmError INTERRUPTED: the signal is aborted already */
export function checkSignal(operation: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted(operation, signal);
}

/**
 * Waits for whoever leaves first: `begin` gets what ends the wait and returns what is to be undone then; the
 * limit (milliseconds; negative: none) and the signal end it with TIMEOUT and INTERRUPTED.
 * @param lookAgain before TIMEOUT: timers come first in a turn of the event loop, which may be late
 */
export function waitFor<T>(
  operation: string,
  limitMs: number,
  signal: AbortSignal | undefined,
  begin: (leave: Leave<T>) => () => void,
  lookAgain?: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = false;
    const leave: Leave<T> = (outcome) => {
      if (left) return;
      left = true;
      clearTimeout(timer);
      end();
      if (outcome instanceof RsmError) reject(outcome);
      else resolve(outcome);
      signal?.removeEventListener('abort', cancelled);
    };
    const late = () => {
      lookAgain?.();
      leave(new RsmError(RSMERR_TIMEOUT, operation));
    };
    const cancelled = () => leave(interrupted(operation, signal));
    const end = begin(leave);
    const timer = limitMs < 0 ? undefined : setTimeout(late, limitMs);
    try {
      signal?.addEventListener('abort', cancelled);
    } catch (error) {
      reject(error); // the program's own; a wait that stayed would take what others wait for
      cancelled();
    }
  });
}

function interrupted(operation: string, signal: AbortSignal | undefined): RsmError {
  const detail = `the ${operation} was cancelled`;
  return new RsmError(RSMERR_INTERRUPTED, operation, detail, { cause: signal?.reason });
}
