/** A file that one process holds at a time, as long as some work of it takes. */
import { closeSync, constants, openSync } from 'node:fs';
import { native } from '../native/index.ts';

const AGAIN_MS = 20;

/**
 * Waits for the lock of a file that is there, and does the work with it. The lock ends with the process.
 * @throws Error: it cannot be opened for writing, or was not to be had in that time
 */
export async function holdingFile<T>(path: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const deadline = performance.now() + timeoutMs;
    while (!native.lockFile(fd, true, 0)) {
      if (performance.now() >= deadline) throw new Error(`another process holds ${path}`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}
