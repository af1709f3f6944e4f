/** Which segment ids a program may publish under (rsmapi.md 3.2). */
import { RSMERR_BAD_SEGID, RSMERR_RESERVED_SEGID, RsmError } from '../errors.ts';
import { RSM_HPC_ID_BASE, RSM_USER_APP_ID_BASE } from './constants.ts';
import { isUint32 } from './numbers.ts';

/** Stands for "choose one for me". */
export const ANY_SEGMENT_ID = 0;

export function isReserved(id: number): boolean {
  return id !== ANY_SEGMENT_ID && (id < RSM_HPC_ID_BASE || id >= RSM_USER_APP_ID_BASE);
}

/** @throws RsmError BAD_SEGID: not an unsigned 32-bit number (C-066) */
export function checkSegmentId(id: unknown): asserts id is number {
  if (!isUint32(id)) throw new RsmError(RSMERR_BAD_SEGID, 'publish');
}

/** @throws RsmError RESERVED_SEGID (C-070, C-072) */
export function checkNotReserved(id: number): void {
  if (isReserved(id)) {
    throw new RsmError(
      RSMERR_RESERVED_SEGID,
      'publish',
      `segment id 0x${id.toString(16)} is reserved: choose one from 0x400000 to 0x7fffffff, or 0 to have one chosen`,
    );
  }
}
