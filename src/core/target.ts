/** What `connect` is asked for, checked in the documented order (rsmapi.md 2.5). */
import {
  RSMERR_CTLR_NOT_PRESENT,
  RSMERR_PERM_DENIED,
  RSMERR_SEG_NOT_PUBLISHED,
  RsmError,
} from '../errors.ts';
import { onRefuse } from '../observe/channels.ts';
import { RSM_PERM_RDWR } from './constants.ts';
import { isUint32 } from './numbers.ts';
import { checkSignal } from './waiting.ts';

/** What a connect is to reach. */
export interface Target {
  readonly node: number;
  readonly id: number;
  readonly permission: number;
}

/** Tells whoever watches refused connects. */
export function tellRefusal({ node, id, permission }: Target, error: unknown): void {
  if (onRefuse.hasSubscribers && RsmError.is(error)) {
    onRefuse.publish({ node, id, permission, code: error.code });
  }
}

/** @throws RsmError PERM_DENIED (C-101, C-102), CTLR_NOT_PRESENT, SEG_NOT_PUBLISHED; INTERRUPTED: by `signal` */
export function checkTarget(node: unknown, id: unknown, permission: unknown, signal?: AbortSignal): Target {
  if (!isUint32(permission) || permission === 0 || (permission & ~RSM_PERM_RDWR) !== 0) {
    throw new RsmError(
      RSMERR_PERM_DENIED,
      'connect',
      'the mode must be read (0400), write (0200) or both (0600)',
    );
  }
  if (!isUint32(node))
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'connect', 'a node id is a number from 0 to 63');
  if (!isUint32(id))
    throw new RsmError(RSMERR_SEG_NOT_PUBLISHED, 'connect', 'a segment id is an unsigned 32-bit number');
  checkSignal('connect', signal);
  return { node, id, permission };
}
