/** Native results and errors: a code is a number, everything else is what was asked for. */
import { RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';
import type { Code } from '../native/index.ts';

/** @param resources what INSUFFICIENT_RESOURCES can be of this call, and what to do */
export function done(code: Code, operation: string, resources?: string): void {
  if (code !== 0) throw failure(code, operation, resources);
}

/** The same where a result is expected. */
export function resultOf<T extends object>(result: T | Code, operation: string, resources?: string): T {
  if (typeof result === 'number') throw failure(result, operation, resources);
  return result;
}

function failure(code: Code, operation: string, resources: string | undefined): RsmError {
  return new RsmError(code, operation, code === RSMERR_INSUFFICIENT_RESOURCES ? resources : undefined);
}
