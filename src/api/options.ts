/** Arguments of the api as core wants them. What is wrong with their values, core says. */
import { RSM_PERM_RDWR, RSM_PERM_READ, RSM_PERM_WRITE } from '../core/index.ts';
import { RSMERR_BAD_ARGS_ERRORS, RSMERR_PERM_DENIED, RsmError } from '../errors.ts';

/** Of a connection or a mapping: what put, get, loads and stores may do. */
export type Mode = 'r' | 'w' | 'rw';

const modes: ReadonlyMap<unknown, number> = new Map([
  ['r', RSM_PERM_READ],
  ['w', RSM_PERM_WRITE],
  ['rw', RSM_PERM_RDWR],
]);

/** @throws RsmError PERM_DENIED: no mode */
export function permissionOf(operation: string, mode: Mode): number {
  const permission = modes.get(mode);
  if (permission !== undefined) return permission;
  throw new RsmError(RSMERR_PERM_DENIED, operation, `mode must be 'r', 'w' or 'rw', not ${quoted(mode)}`);
}

export function modeOf(permission: number): Mode {
  if (permission === RSM_PERM_RDWR) return 'rw';
  return permission === RSM_PERM_READ ? 'r' : 'w';
}

/** @throws RsmError BAD_ARGS_ERRORS: neither an object nor absent */
export function optionsOf<T extends object>(operation: string, options: T | undefined): Partial<T> {
  if (options === undefined) return {};
  if (typeof options === 'object' && options !== null) return options;
  throw new RsmError(RSMERR_BAD_ARGS_ERRORS, operation, `options must be an object, not ${quoted(options)}`);
}

/** @throws RsmError BAD_ARGS_ERRORS: neither an AbortSignal nor absent */
export function signalOf(operation: string, signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new RsmError(
    RSMERR_BAD_ARGS_ERRORS,
    operation,
    `signal must be an AbortSignal, not ${quoted(signal)}`,
  );
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : value === null ? 'null' : typeof value;
}
