/** Native results and errors: a code is a number, everything else is what was asked for. */
import { RsmError } from '../errors.ts';
import type { Code } from '../native/index.ts';

export function done(code: Code, operation: string): void {
  if (code !== 0) throw new RsmError(code, operation);
}

export function resultOf<T extends object>(result: T | Code, operation: string): T {
  if (typeof result === 'number') throw new RsmError(result, operation);
  return result;
}
