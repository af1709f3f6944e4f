/**
 * Records: one file per JavaScript environment (main thread or worker) that publishes, locked as long as
 * it lives, with the socket of its agent beside it (`<name>.s`). Native removes both with the environment;
 * after SIGKILL the kernel has dropped the lock, and the next process that opens the node sweeps.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';
import { type NativeRecord, native } from '../native/index.ts';
import { type RuntimeDirectory, userIds } from './directory.ts';
import { isAt, type NodeLock } from './lock.ts';

/** Of the text in a record: one line of JSON. */
const RECORD_VERSION = 1;
/** Never blocks on what another user may have put there, and never leaves the directory. */
const CAREFULLY: number = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OUT_OF_DESCRIPTORS: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM'];

/** Opens the record of this environment; to be called with node.lock held. */
export function openRecord(directory: string, operation: string): NativeRecord {
  // The process id is not enough: containers that share the directory number their processes alike.
  const name = `${process.pid}.${threadId}.${randomBytes(4).toString('hex')}`;
  try {
    const record = native.openRecord(directory, name);
    const started = new Date().toISOString();
    const text = { version: RECORD_VERSION, pid: process.pid, thread: threadId, started };
    native.writeRecord(record, `${JSON.stringify(text)}\n`);
    return record;
  } catch (cause) {
    const detail = `cannot make a record in ${directory}: ${(cause as Error).message}`;
    throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, operation, detail, { cause });
  }
}

/** Whether a text, which may come from another user, is the name of a record and not a way elsewhere. */
export function isRecordName(text: string): boolean {
  return /^\d{1,10}\.\d{1,10}\.[0-9a-f]{8}$/.test(text);
}

/** 'none': nothing there that could be a record. */
export type RecordState = 'live' | 'dead' | 'none';

/** @throws RsmError INSUFFICIENT_RESOURCES: no descriptor left, so that it cannot be known */
export function recordState(path: string): RecordState {
  const fd = openIfThere(path, constants.O_RDONLY);
  if (fd === undefined) return 'none';
  try {
    if (!fstatSync(fd).isFile()) return 'none';
    return native.isLocked(fd) ? 'live' : 'dead';
  } finally {
    closeSync(fd);
  }
}

/** Removes what dead processes left: of this user, or of everybody when this is root. */
export function sweep(directory: RuntimeDirectory, lock: NodeLock): void {
  const users = directory.uid === 0 ? userIds(directory) : [directory.uid];
  for (const uid of users) {
    try {
      sweepUser(`${directory.users}/${uid}`, uid, lock);
    } catch {
      // A courtesy to others, not this program's business: whoever opens the node next tries again.
    }
  }
}

function sweepUser(path: string, uid: number, lock: NodeLock): void {
  const fd = openIfThere(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === undefined) return;
  try {
    // Through the descriptor: its owner could put a link in the place of the directory meanwhile.
    const base = `/proc/self/fd/${fd}`;
    const dead = () =>
      readdirSync(base).filter((name) => isRecordName(name) && recordState(`${base}/${name}`) === 'dead');
    if (fstatSync(fd).uid !== uid || dead().length === 0) return;
    lock.holding('open', () => {
      for (const name of dead()) bury(base, name);
    });
  } finally {
    closeSync(fd);
  }
}

/** Claims first: a claim without a record would never be swept. */
function bury(base: string, name: string): void {
  const record = `${base}/${name}`;
  const fd = openIfThere(record, constants.O_RDWR);
  if (fd === undefined) return;
  try {
    if (!native.lockFile(fd, true, 0) || !isAt(record, fd)) return;
    for (const claim of readdirSync(base)) {
      if (readLink(`${base}/${claim}`) === name) rmSync(`${base}/${claim}`);
    }
    rmSync(`${record}.s`, { force: true });
    rmSync(record);
  } finally {
    closeSync(fd);
  }
}

/** The text of a symbolic link; undefined where there is none. */
export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function openIfThere(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags | CAREFULLY);
  } catch (cause) {
    if (!OUT_OF_DESCRIPTORS.includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, 'open', (cause as Error).message, { cause });
  }
}
