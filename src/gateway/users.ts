/** Users of other nodes, as the exporters of this one are told of them. */
import { knownUids } from '../node/index.ts';

export interface User {
  uid: number;
  gid: number;
  groups: number[];
}

/** As many as go along: AUTH_SYS of NFS has as many. */
export const MOST_GROUPS = 16;
const NOBODY: User = { uid: 65_534, gid: 65_534, groups: [] };

/** `[gateway] squash`: who keeps the number that he has on his own node. */
export function squashed(user: User, squash: 'none' | 'unknown' | 'all'): User {
  if (squash === 'all') return NOBODY;
  if (squash === 'unknown' && (user.uid === 0 || !knownUids().has(user.uid))) return NOBODY;
  return user;
}
