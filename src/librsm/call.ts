/** How a C call looks in TypeScript: out-parameters, and result codes in place of exceptions. */
import { RSM_SUCCESS, RSMERR_BAD_ADDR, RsmError } from '../errors.ts';

/** A C out-parameter `T *p`. null or undefined in its place is the null pointer. */
export interface Out<T> {
  value: T | undefined;
}

/** Makes an out-parameter. */
export function out<T>(initial?: T): Out<T> {
  return { value: initial };
}

/** Runs a function of core; whatever it throws becomes a result code. */
export function call(body: () => void): number {
  try {
    body();
    return RSM_SUCCESS;
  } catch (error) {
    return codeOf(error);
  }
}

/** What is no RsmError was thrown by an argument: a getter, a proxy, a view without memory. */
export function codeOf(error: unknown): number {
  return RsmError.is(error) ? error.result : RSMERR_BAD_ADDR;
}

/** Touches an object of the program, which may throw anything: then `code` is the result. */
export function touch<T>(operation: string, code: number, access: () => T): T {
  try {
    return access();
  } catch (cause) {
    throw new RsmError(code, operation, 'an argument cannot be read or written', { cause });
  }
}

/** @throws RsmError `code`: the null pointer, or nothing that could be pointed to */
export function checkPointer(operation: string, code: number, pointer: unknown): void {
  if (typeof pointer !== 'object' || pointer === null) throw new RsmError(code, operation);
}

/** `*pointer = value` */
export function store<T>(operation: string, code: number, pointer: Out<T>, value: T | undefined): void {
  checkPointer(operation, code, pointer);
  touch(operation, code, () => {
    pointer.value = value;
  });
}

/** Stores what was just made; where that fails it is undone, so that nothing is lost. */
export function storeMade<T>(
  operation: string,
  code: number,
  pointer: Out<T>,
  made: unknown,
  undo: () => void,
): void {
  try {
    store(operation, code, pointer, made as T);
  } catch (error) {
    undo();
    throw error;
  }
}
