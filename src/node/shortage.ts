/** The system had no descriptor, or no memory for one: that says nothing about the file that was asked for. */
import { RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';

const SHORTAGES: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM'];

/** For errors of the system that else mean something. @throws RsmError INSUFFICIENT_RESOURCES: such a shortage */
export function checkShortage(operation: string, cause: unknown): void {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  if (!SHORTAGES.includes(code)) return;
  throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, operation, message, { cause });
}
