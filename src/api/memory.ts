/** Memory of this process that can be exported. */
import * as core from '../core/index.ts';
import { optionsOf } from './options.ts';

/**
 * Page-aligned, zeroed memory. The buffer has exactly `bytes` bytes; the memory behind it is whole pages.
 * @param options huge: of huge pages, which an administrator must have reserved; lock: never swapped out
 * @throws RsmError BAD_LENGTH: zero, no number, or more than a buffer can show; INSUFFICIENT_MEM
 */
export function allocate(bytes: number, options?: { huge?: boolean; lock?: boolean }): ArrayBuffer {
  return core.allocate(bytes, optionsOf('allocate', options));
}

/**
 * A private, writable copy of a file, or of `length` bytes from `offset` on (MAP_PRIVATE): the file never
 * changes, and changes of the file are not seen.
 * @throws RsmError BAD_ADDR: no regular file; PERM_DENIED; BAD_OFFSET, BAD_LENGTH: no range of the file;
 *   INSUFFICIENT_MEM
 */
export function mapFile(path: string, options?: { offset?: number; length?: number }): ArrayBuffer {
  return core.mapFile(path, optionsOf('mapFile', options));
}

/**
 * The System V segment of that id (shmat(2)): shared with whoever else is attached, in any language.
 * @throws RsmError BAD_ADDR: no such segment; PERM_DENIED; INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES
 */
export function attachSystemV(shmid: number): ArrayBuffer {
  return core.attachSystemV(shmid);
}

/**
 * Gives memory back now; the buffer is detached.
 * @throws RsmError BAD_ADDR: not a whole allocation of this library; INSUFFICIENT_RESOURCES: exported
 */
export function release(memory: ArrayBuffer): void {
  core.release(memory);
}

/** Of the operating system, in bytes. */
export function pageSize(): number {
  return core.pageSize();
}
