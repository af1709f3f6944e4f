/**
 * The runtime directory, which is what makes a node (design 3.1). Whoever may enter it takes part:
 *
 *   node.lock       0666   held while publishing; its text is the next system id (`lock.ts`)
 *   u/              1777   one directory per user
 *   u/<uid>/        0755   records, their sockets, claims (`records.ts`, `claims.ts`)
 */
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { RSMERR_CTLR_NOT_PRESENT, RsmError } from '../errors.ts';
import { native } from '../native/index.ts';
import { checkShortage } from './shortage.ts';

export interface RuntimeDirectory {
  readonly path: string;
  /** The directory of the users. */
  readonly users: string;
  /** That of this user; `ownDirectory` makes it. */
  readonly own: string;
  readonly uid: number;
  close(): void;
}

/** The runtime directory, and what named it: RSM_RUNTIME_DIR, rsm.toml, /run/rsm being there, or nothing. */
export interface Location {
  readonly path: string;
  readonly origin: 'environment' | 'configuration' | 'shared' | 'personal';
}

const SHARED = '/run/rsm';
const PERSONAL = '/tmp/rsm-';

/**
 * Finds the directory (RSM_RUNTIME_DIR, configured, /run/rsm where an administrator made it, else
 * /tmp/rsm-UID), makes it where it is missing and keeps tmp cleaners away from it until closed.
 * @throws RsmError CTLR_NOT_PRESENT: it cannot be used; the detail says why. INSUFFICIENT_RESOURCES: descriptors
 */
export function openDirectory(configured: string | undefined): RuntimeDirectory {
  const uid = effectiveUid();
  const path = choose(configured, uid);
  // A FIFO would wait for its writer, and a file fail only later.
  const fd = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
  try {
    attempt(path, () => native.holdDirectory(fd));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const users = join(path, 'u');
  let open = true;
  const close = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return { path, users, own: join(users, String(uid)), uid, close };
}

/** Where the directory is, and who said so. Nothing is made. */
export function locateDirectory(configured: string | undefined): Location {
  const { RSM_RUNTIME_DIR: named } = process.env;
  if (named) return { path: resolve(named), origin: 'environment' };
  if (configured) return { path: resolve(configured), origin: 'configuration' };
  if (isShared(statSync(SHARED, { throwIfNoEntry: false }))) return { path: SHARED, origin: 'shared' };
  return { path: `${PERSONAL}${effectiveUid()}`, origin: 'personal' };
}

/**
 * For who only looks: the directory can be read, or is not there yet.
 * @throws RsmError CTLR_NOT_PRESENT: it cannot be used; the detail says why
 */
export function checkDirectory({ path, origin }: Location): void {
  if (attempt(path, () => lstatSync(path, { throwIfNoEntry: false })) === undefined) return;
  if (origin === 'personal') refuseForeign(path, effectiveUid());
  attempt(path, () => readdirSync(path));
}

/** Makes the directory of this user; to be called with node.lock held. */
export function ownDirectory({ path, users, own, uid }: RuntimeDirectory): string {
  attempt(path, () => {
    if (makeDirectory(users)) chmodSync(users, 0o1777);
    // Whoever may write here could have put a link there, to where we would make what others do not want.
    if (!lstatSync(users).isDirectory()) throw new Error(`${users} is not a directory: remove it`);
    if (makeDirectory(own)) chmodSync(own, 0o755);
  });
  refuseForeign(own, uid);
  return own;
}

/** The users that have ever had segments here. @throws RsmError as `namesIn` */
export function userIds({ users }: { readonly users: string }, operation?: string): number[] {
  return namesIn(users, operation)
    .filter((name) => /^\d{1,10}$/.test(name))
    .map(Number);
}

/**
 * What is in a directory; nothing where there is none yet, or no more.
 * @param operation that cannot go on where it cannot be known
 * @throws RsmError INSUFFICIENT_RESOURCES: no descriptor is left, so that it cannot be known
 */
export function namesIn(path: string, operation = 'open'): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    checkShortage(operation, cause);
    return [];
  }
}

function choose(configured: string | undefined, uid: number): string {
  const { path, origin } = locateDirectory(configured);
  if (origin !== 'shared') attempt(path, () => makeDirectory(path));
  if (origin === 'personal') refuseForeign(path, uid);
  return path;
}

/** Made by an administrator for everybody: root's and sticky, so that no user can replace another's. */
function isShared(stats: Stats | undefined): boolean {
  return stats?.isDirectory() === true && stats.uid === 0 && (stats.mode & 0o7777) === 0o1777;
}

/** Anybody could have put something there before us, in a directory that everybody may write. */
function refuseForeign(path: string, uid: number): void {
  const stats = attempt(path, () => lstatSync(path));
  const what = !stats.isDirectory() ? 'is not a directory' : `belongs to uid ${stats.uid}`;
  if (stats.isDirectory() && stats.uid === uid) return;
  throw new RsmError(
    RSMERR_CTLR_NOT_PRESENT,
    'open',
    `the runtime directory ${path} ${what}; it is not used`,
  );
}

/** Whether it was made now. Mostly it is there: an error of the system takes longer to make than to look first. */
function makeDirectory(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false;
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    checkShortage('open', cause);
    const why = (cause as Error).message;
    throw new RsmError(
      RSMERR_CTLR_NOT_PRESENT,
      'open',
      `the runtime directory ${path} cannot be used: ${why}`,
      {
        cause,
      },
    );
  }
}

function effectiveUid(): number {
  if (process.geteuid) return process.geteuid();
  throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'open', 'this system has no users; rsmapi needs Linux');
}
