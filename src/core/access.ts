/**
 * Access lists (rsmapi.md 1.8). Here they are checked and made into the grant table that the native
 * evaluator decides by; `decide` is the model of that evaluator, for the property test that compares them.
 */
import {
  RSM_SUCCESS,
  RSMERR_BAD_ACL,
  RSMERR_BAD_ADDR,
  RSMERR_PERM_DENIED,
  RSMERR_SEG_NOT_PUBLISHED_TO_NODE,
  RsmError,
} from '../errors.ts';
import { RSM_ACCESS_READ, RSM_ACCESS_TRUSTED, RSM_ACCESS_WRITE } from './constants.ts';
import { MAX_ACCESS_ENTRIES, MAX_NODE_ID } from './limits.ts';
import { isUint32 } from './numbers.ts';

export interface AccessEntry {
  readonly node: number;
  readonly permission: number;
}

/** Words [uid, gid, defaultPermission, count, node, permission, node, …]; drawn in native access.h. */
export type GrantTable = Uint32Array<ArrayBuffer>;

/** Of the process that creates a segment, at that moment (C-083). */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
}

/** What of a controller decides which lists are valid there. */
export interface AccessLimits {
  readonly accessListLimit: number;
  reaches(node: number): boolean;
}

/** @throws RsmError BAD_ACL: entries are announced, but there is no list (C-068) */
export function checkListGiven(operation: string, list: unknown, length: unknown): void {
  if (length === 0 || (typeof list === 'object' && list !== null)) return;
  throw new RsmError(RSMERR_BAD_ACL, operation, 'there is no access list');
}

/**
 * A copy of an access list that came from a program, each field read once.
 * @param length how many entries count; what is behind them is not looked at
 * @param entryOf reads one entry; whatever it throws means that the list cannot be read
 * @throws RsmError BAD_ACL: no list, or too many entries (C-068, C-079); BAD_ADDR: an entry cannot be read
 */
export function readAccessList(
  operation: string,
  list: unknown,
  length: unknown,
  entryOf: (entry: unknown) => AccessEntry,
): AccessEntry[] {
  checkListGiven(operation, list, length);
  if (!isUint32(length) || length > MAX_ACCESS_ENTRIES) throw new RsmError(RSMERR_BAD_ACL, operation);
  try {
    return Array.from({ length }, (_, index) => entryOf((list as ArrayLike<unknown>)[index]));
  } catch (cause) {
    throw new RsmError(RSMERR_BAD_ADDR, operation, 'the access list cannot be read', { cause });
  }
}

/** @throws RsmError BAD_ACL: see each sentence (C-079, C-080, D-39) */
export function checkAccessList(
  operation: string,
  list: readonly AccessEntry[],
  limits: AccessLimits,
  readOnly: boolean,
): void {
  const refuse = (detail: string): never => {
    throw new RsmError(RSMERR_BAD_ACL, operation, detail);
  };
  if (list.length > Math.min(limits.accessListLimit, MAX_ACCESS_ENTRIES)) {
    refuse(`the access list has ${list.length} entries; this controller takes ${limits.accessListLimit}`);
  }
  for (const { node, permission } of list) {
    if (!isUint32(node) || node > MAX_NODE_ID)
      refuse(`an entry of the access list has no node id from 0 to ${MAX_NODE_ID}`);
    if (!isUint32(permission) || (permission & ~RSM_ACCESS_TRUSTED) !== 0) {
      refuse(`the permission for node ${node} has bits outside 0666`);
    }
    if (readOnly && (permission & RSM_ACCESS_WRITE) !== 0) {
      refuse(`the segment is read-only; its access list lets node ${node} write`);
    }
  }
  if (limits.accessListLimit === 1) checkReached(operation, list, limits);
}

/**
 * Where a controller has other nodes this comes later than the rest (2.4, step 10).
 * @throws RsmError BAD_ACL: an entry for a node that the controller does not reach (D-14)
 */
export function checkReached(operation: string, list: readonly AccessEntry[], limits: AccessLimits): void {
  const beyond = list.find(({ node }) => !limits.reaches(node));
  if (beyond === undefined) return;
  const detail = `this controller does not reach node ${beyond.node} of the access list`;
  throw new RsmError(RSMERR_BAD_ACL, operation, detail);
}

/**
 * The table of a checked list; an empty one admits as the umask says (C-082).
 * @param only the one node that the controller reaches, which then is the only one that is admitted: a gateway
 *   asks every exporter of its node. Undefined: it reaches others, and an empty list admits them, too
 */
export function grantTable(
  owner: Owner,
  list: readonly AccessEntry[],
  readOnly: boolean,
  only?: number,
): GrantTable {
  const everybody = 0o777 & ~owner.umask & (readOnly ? RSM_ACCESS_READ : 0o777);
  const narrowed = list.length === 0 && only !== undefined;
  const entries = narrowed ? [{ node: only, permission: everybody & RSM_ACCESS_TRUSTED }] : list;
  const words = [owner.uid, owner.gid, everybody, entries.length];
  for (const { node, permission } of entries) words.push(node, permission);
  return Uint32Array.from(words);
}

export interface Peer {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** The decision of 1.8, by the book: a result code. `permission` is a part of 0600, not 0. */
export function decide(table: GrantTable, peer: Peer, node: number, permission: number): number {
  const [uid, gid, everybody, count = 0] = table;
  const entries = Array.from({ length: count }, (_, i) => [table[4 + 2 * i], table[5 + 2 * i]] as const);
  const granted = count === 0 ? everybody : entries.find(([listed]) => listed === node)?.[1];
  if (granted === undefined) return RSMERR_SEG_NOT_PUBLISHED_TO_NODE;
  if (peer.uid === 0) return RSM_SUCCESS;
  const inGroup = gid === peer.gid || peer.groups.some((group) => group === gid);
  const digit = peer.uid === uid ? granted >> 6 : inGroup ? granted >> 3 : granted;
  const wanted = permission >> 6;
  return (digit & wanted) === wanted ? RSM_SUCCESS : RSMERR_PERM_DENIED;
}
