/**
 * node.lock: held while somebody publishes, and where the next system id is kept (eight hexadecimal
 * digits). An OFD lock, not flock: any reader could take that one (reproduced).
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  linkSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';
import { native } from '../native/index.ts';
import { uniqueName } from './unique.ts';

/** Long enough for a crowd that publishes; somebody who stops while holding the lock must not stop us. */
const LOCK_MS = 5000;
const FIRST_SYSTEM_ID = 0x80000000;
const LAST_SYSTEM_ID = 0xffffffff;
/** Stands in the file after the last id. */
const EXHAUSTED = 0;
const DIGITS = 8;

export interface NodeLock {
  /**
   * Runs `work` with the lock held.
   * @throws RsmError INSUFFICIENT_RESOURCES: not to be had within five seconds, or no descriptor left
   */
  holding<T>(operation: string, work: (ids: SystemIds) => T): T;
  close(): void;
}

/** Ids that the system chooses: each used once, whoever publishes (C-074). */
export interface SystemIds {
  /** @throws RsmError INSUFFICIENT_RESOURCES: all have been used */
  next(): number;
}

export function nodeLock(directory: string): NodeLock {
  const path = join(directory, 'node.lock');
  let fd = -1;
  const close = () => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
  };
  /** System errors of the file, as what they mean to the caller. */
  const attempt = <T>(operation: string, work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof RsmError) throw cause;
      const detail = `cannot use ${path}: ${(cause as Error).message}`;
      throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, operation, detail, { cause });
    }
  };
  const acquire = (operation: string) => {
    const deadline = performance.now() + LOCK_MS;
    do {
      if (fd < 0) fd = openLockFile(path);
      const left = Math.max(0, Math.ceil(deadline - performance.now()));
      if (!native.lockFile(fd, true, left)) break;
      if (isAt(path, fd)) return;
      // Somebody removed the file: what we hold excludes nobody.
      close();
    } while (performance.now() < deadline);
    throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, operation, `another process holds ${path}`);
  };
  return {
    holding(operation, work) {
      attempt(operation, () => acquire(operation));
      try {
        return work({ next: () => attempt(operation, () => nextId(fd, operation)) });
      } finally {
        native.unlockFile(fd);
      }
    },
    close,
  };
}

/** Whether the open file is still the one that has this path. */
export function isAt(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}

function nextId(fd: number, operation: string): number {
  const text = Buffer.alloc(DIGITS);
  readSync(fd, text, 0, DIGITS, 0);
  const kept = text.toString('latin1');
  const id = /^[0-9a-f]{8}$/.test(kept) ? Number.parseInt(kept, 16) : FIRST_SYSTEM_ID;
  if (id < FIRST_SYSTEM_ID) {
    throw new RsmError(
      RSMERR_INSUFFICIENT_RESOURCES,
      operation,
      'all system ids of this node have been used',
    );
  }
  writeSync(fd, hexadecimal(id === LAST_SYSTEM_ID ? EXHAUSTED : id + 1), 0);
  return id;
}

/** An id as it stands in file names and in node.lock. */
export function hexadecimal(id: number): string {
  return id.toString(16).padStart(DIGITS, '0');
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  createLockFile(path);
  return openLockFile(path);
}

/** Whole at once, so that nobody meets it with the rights that the umask left. */
function createLockFile(path: string): void {
  const draft = `${path}.${uniqueName()}`;
  const fd = openSync(draft, 'wx');
  try {
    fchmodSync(fd, 0o666);
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(fd);
    unlinkSync(draft);
  }
}
