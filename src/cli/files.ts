/** Regular files, and what the system says about them in one sentence. */
import { stat } from 'node:fs/promises';
import { CommandError, systemError } from './failure.ts';

/** The length in bytes. @throws CommandError: it cannot be read, or is not a regular file */
export async function fileLength(path: string): Promise<number> {
  const found = await stat(path).catch((error) => {
    throw systemError(`${path} cannot be read`, error);
  });
  if (found.isFile()) return found.size;
  throw new CommandError(`${path} is ${found.isDirectory() ? 'a directory' : 'not a regular file'}.`);
}
