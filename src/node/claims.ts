/**
 * Claims: u/<uid>/<segment id, 8 hexadecimal digits> is a symbolic link whose text is the name of the
 * publishing environment's record. A claim is live while that record is locked. Native makes and removes
 * claims; this side finds them and refuses a second one.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { type RuntimeDirectory, userIds } from './directory.ts';
import { hexadecimal } from './lock.ts';
import { isRecordName, readLink, recordState } from './records.ts';

/** Where a segment may be published. The connect decides: the claim may be stale, or a lie. */
export interface Candidate {
  socketPath: string;
  /** Who must be listening there. */
  uid: number;
}

/** Looks in the own directory, then root's, then the others', as far as the caller asks. */
export function* findClaims(directory: RuntimeDirectory, id: number): Generator<Candidate, void> {
  const { users, own, uid } = directory;
  const claim = hexadecimal(id);
  const mine = recordOf(own, claim);
  if (mine !== undefined) yield { socketPath: `${own}/${mine}.s`, uid };
  const others = uid === 0 ? [] : [0];
  others.push(...userIds(directory, 'connect').filter((other) => other !== 0 && other !== uid));
  for (const other of others) {
    const record = recordOf(`${users}/${other}`, claim);
    if (record !== undefined) yield { socketPath: `${users}/${other}/${record}.s`, uid: other };
  }
}

/**
 * Whether somebody on this node has published the id; to be called with node.lock held. A stale claim of
 * this user is removed, so that native can make a new one.
 */
export function isClaimed(directory: RuntimeDirectory, id: number): boolean {
  const claim = hexadecimal(id);
  for (const uid of userIds(directory, 'publish')) {
    const user = `${directory.users}/${uid}`;
    if (!exists(`${user}/${claim}`)) continue;
    const record = recordOf(user, claim);
    if (record !== undefined && recordState(`${user}/${record}`, 'publish') === 'live') return true;
    if (uid === directory.uid) remove(`${user}/${claim}`);
  }
  return false;
}

function remove(stale: string): void {
  try {
    unlinkSync(stale);
  } catch {
    // Something that is no claim stands there: native will find the name taken.
  }
}

/** Mostly there is none: that is not to cost an error of the system, which takes longer to make than the look. */
function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // whoever may not enter there does not see its claims
  }
}

function recordOf(user: string, claim: string): string | undefined {
  const text = readLink(`${user}/${claim}`);
  return text !== undefined && isRecordName(text) ? text : undefined;
}
