/** The configuration and the runtime directory, which make the node. */
import { accessSync, constants, lstatSync, type Stats, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RsmError } from '../../errors.ts';
import type { Location } from '../../node/index.ts';
import { octal } from '../terminal.ts';
import { userNames } from '../users.ts';
import { type Finding, finding } from './finding.ts';

const SHARED = '/run/rsm';
const STICKY_FOR_ALL = 0o1777;
/** Makes a directory, and in it that of the users, root's and for everybody; of those that are there, too. */
const share = (path: string) => `sudo install -d -o root -g root -m 1777 ${path} ${usersOf(path)}`;
const usersOf = (path: string) => join(path, 'u');
/** File systems, by the magic number of statfs(2), over which locks and sockets do not work. */
const ELSEWHERE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x4d44, 'FAT'],
]);

const ORIGINS: Record<Location['origin'], string> = {
  environment: 'as RSM_RUNTIME_DIR says',
  configuration: 'as the configuration says',
  shared: 'shared by all users',
  personal: 'of this user alone',
};

export async function directory(): Promise<Finding[]> {
  const node = await import('../../node/index.ts').catch(() => undefined);
  if (node === undefined) return []; // `binary` has said so
  try {
    const located = node.locateNode();
    node.checkDirectory(located);
    return [found(located), ...shared(located), ...users(located)];
  } catch (error) {
    return [refused(error as Error)];
  }
}

/** The configuration, or the directory that it names. */
function refused(error: Error): Finding {
  const isConfiguration = RsmError.is(error) && error.code === 'RSMERR_BAD_CONF';
  if (isConfiguration) return finding('configuration', 'problem', error.message);
  return finding('runtime directory', 'problem', error.message, 'export RSM_RUNTIME_DIR=$HOME/.rsm');
}

function found({ path, origin, id }: Location & { id: number }): Finding {
  const name = 'runtime directory';
  const stats = lstatSync(path, { throwIfNoEntry: false });
  const says = `${path}, ${ORIGINS[origin]}; this is node ${id}`;
  if (stats === undefined) return missing(path, says);
  const where = ELSEWHERE.get(statfsSync(path).type);
  if (where !== undefined) {
    const local = `${says}. It is on ${where}; it must be on a local file system.`;
    return finding(name, 'problem', local, share(SHARED));
  }
  if (isOpenToReplacement(stats)) {
    const open = `${says}. With mode ${octal(stats.mode & 0o7777)} anybody can replace what others put there.`;
    return finding(name, 'problem', open, `chmod 1777 ${path}`);
  }
  if (mayWrite(path)) return finding(name, 'ok', `${says}.`);
  const nobody = userNames()(stats.uid);
  const closed = `${says}. You may not write there: you can import segments, and not publish any.`;
  return finding(name, 'note', closed, `sudo chmod 1777 ${path}  # it belongs to ${nobody}`);
}

function missing(path: string, says: string): Finding {
  const parent = dirname(path);
  if (mayWrite(parent)) return finding('runtime directory', 'ok', `${says}. It is made on first use.`);
  const cannot = `${says}. It is not there, and cannot be made in ${parent}.`;
  return finding('runtime directory', 'problem', cannot, share(path));
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isOpenToReplacement({ mode }: Stats): boolean {
  return (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
}

/** The directory for all users, where it is not the one that is used. */
function shared({ origin }: Location): Finding[] {
  if (origin === 'environment' || origin === 'configuration' || origin === 'shared') return [];
  const stats = lstatSync(SHARED, { throwIfNoEntry: false });
  const says =
    stats === undefined
      ? `There is no ${SHARED}: processes of different users do not find each other.`
      : `${SHARED} is not used: it must be a directory of root with mode ${octal(STICKY_FOR_ALL)}.`;
  return [finding('shared directory', 'note', says, share(SHARED))];
}

/** Of a node of many users: who owns the sticky directory of theirs may rename what others have there. */
function users({ path }: Location): Finding[] {
  const node = lstatSync(path, { throwIfNoEntry: false });
  if (node === undefined || (node.mode & 0o002) === 0) return [];
  const stats = lstatSync(usersOf(path), { throwIfNoEntry: false });
  if (stats?.uid === 0) return [];
  const owner =
    stats === undefined ? 'will belong to who publishes first' : `belongs to ${userNames()(stats.uid)}`;
  const says = `${usersOf(path)} ${owner}, who can keep others from publishing: it should be root's.`;
  return [finding('users', 'note', says, share(path))];
}

/** What killed processes left. */
export async function leftovers(): Promise<Finding[]> {
  try {
    const { deadRecords, locateNode } = await import('../../node/index.ts');
    const nameOf = userNames();
    return [...deadRecords(usersOf(locateNode().path))].map(([uid, count]) => {
      const files = count === 1 ? 'A record' : `${count} records`;
      const says = `${files} of ${nameOf(uid)}, of killed processes: they go when that user next uses the node.`;
      return finding('leftovers', 'note', says, `sudo -u '#${uid}' rsm topology`);
    });
  } catch {
    return []; // the checks before have said so
  }
}
