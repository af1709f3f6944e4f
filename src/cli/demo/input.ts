/** What the demo accepts to share; anything else is one clear sentence. */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { CommandError } from '../failure.ts';

/** The length of a file that can be shared. */
export function lengthOfFile(path: string): number {
  const found = examine(path);
  if (found.isDirectory()) throw new CommandError(`${path} is a directory; the demo shares a file.`);
  if (!found.isFile()) throw new CommandError(`${path} is not a regular file.`);
  if (found.size === 0) throw new CommandError(`${path} is empty; there is nothing to share.`);
  return found.size;
}

function examine(path: string): Stats {
  try {
    const found = statSync(path);
    accessSync(path, constants.R_OK);
    return found;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new CommandError(`there is no file ${path}.`);
    if (code === 'EACCES') throw new CommandError(`this user may not read ${path}.`);
    throw new CommandError(`${path} cannot be read: ${message}.`);
  }
}
