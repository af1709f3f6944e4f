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
    return printable(readStart(`/proc/${pid}/cmdline`));
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

/** A process writes its own command line: nothing of it may reach a terminal as a command. */
function printable(text: string): string {
  return text.replaceAll('\0', ' ').trim().replaceAll(/\p{C}/gu, '?');
}
