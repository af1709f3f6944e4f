/**
 * Records: one file per JavaScript environment (main thread or worker) that has segments, locked as long
 * as it lives, with the socket of its agent beside it (`<name>.s`). Native removes both with the
 * environment; after SIGKILL the kernel has dropped the lock, and the next process that opens the node
 * sweeps. Here they are found and judged, whoever wrote them; the own one is in `own-record.ts`.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../native/index.ts';
import { namesIn, type RuntimeDirectory, userIds } from './directory.ts';
import { isAt, type NodeLock } from './lock.ts';
import { checkShortage } from './shortage.ts';

/** Never blocks on what another user may have put there, and never leaves the directory. */
const CAREFULLY: number = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Whether a text, which may come from another user, is the name of a record and not a way elsewhere. */
export function isRecordName(text: string): boolean {
  return /^\d{1,10}\.\d{1,10}\.[0-9a-f]{8}$/.test(text);
}

/** 'none': nothing there that could be a record. */
export type RecordState = 'live' | 'dead' | 'none';

/** @throws RsmError INSUFFICIENT_RESOURCES: no descriptor left, so that it cannot be known */
export function recordState(path: string, operation?: string): RecordState {
  const fd = openIfThere(path, constants.O_RDONLY, operation);
  if (fd === undefined) return 'none';
  try {
    if (!fstatSync(fd).isFile()) return 'none';
    return native.isLocked(fd) ? 'live' : 'dead';
  } finally {
    closeSync(fd);
  }
}

/** A record whose environment lives. */
export interface LiveRecord {
  /** Its user: owns both the file and the directory it is in. */
  readonly uid: number;
  readonly name: string;
  /** Open for reading until the next record is asked for. What can be read is its user's word. */
  readonly fd: number;
}

/** Those of everybody below `users`, the directory of the users. @throws RsmError as `recordState` */
export function* liveRecords(users: string, operation?: string): Generator<LiveRecord, void> {
  for (const uid of userIds({ users }, operation)) {
    for (const name of recordNames(join(users, String(uid)), operation)) {
      const fd = openIfThere(join(users, String(uid), name), constants.O_RDONLY, operation);
      if (fd === undefined) continue;
      try {
        const stats = fstatSync(fd);
        if (stats.isFile() && stats.uid === uid && native.isLocked(fd)) yield { uid, name, fd };
      } finally {
        closeSync(fd);
      }
    }
  }
}

/** How many records killed processes of each user left below `users`. @throws RsmError as `recordState` */
export function deadRecords(users: string): Map<number, number> {
  const left = new Map<number, number>();
  for (const uid of userIds({ users })) {
    const folder = join(users, String(uid));
    const dead = recordNames(folder).filter((name) => recordState(join(folder, name)) === 'dead');
    if (dead.length > 0) left.set(uid, dead.length);
  }
  return left;
}

function recordNames(path: string, operation?: string): string[] {
  return namesIn(path, operation).filter(isRecordName);
}

/** Removes what dead processes left: of this user, or of everybody when this is root. */
export function sweep(directory: RuntimeDirectory, lock: NodeLock): void {
  courteously(() => {
    const users = directory.uid === 0 ? userIds(directory) : [directory.uid];
    for (const uid of users) courteously(() => sweepUser(`${directory.users}/${uid}`, uid, lock));
  });
}

/** For others, and not this program's business: where it fails, whoever opens the node next tries again. */
function courteously(work: () => void): void {
  try {
    work();
  } catch {
    // see above
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

function openIfThere(path: string, flags: number, operation = 'open'): number | undefined {
  try {
    return openSync(path, flags | CAREFULLY);
  } catch (cause) {
    checkShortage(operation, cause);
    return undefined;
  }
}
