/** The command line of a process, for people. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

const MAX_BYTES = 512;

/**
 * undefined: there is no such process to be seen here, or it is not that user's: a record, or a process in
 * another container, can name any number.
 */
export function commandOf(pid: number, uid: number): string | undefined {
  try {
    if (statSync(`/proc/${pid}`).uid !== uid) return undefined;
    return printable(readStart(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim());
  } catch {
    return undefined;
  }
}

function readStart(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MAX_BYTES);
    return bytes.toString('utf8', 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

/** What others wrote, so that nothing of it commands a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}
