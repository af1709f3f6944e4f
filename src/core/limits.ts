/** The limits that the rules know, each with its reason. Limits of a node are its configuration's. */
import { MAXNAMELEN } from './constants.ts';

/** Not imported: that would load blobs and files, too (T9). */
const { constants } = process.getBuiltinModule('node:buffer');

/** Node ids are 0…63 (rsmapi.md 1.1). */
export const MAX_NODE_ID = 63;
/** One entry for each supported node (rsmapi.md 3.8). */
export const MAX_ACCESS_ENTRIES = 64;
/** A C string in a field of MAXNAMELEN bytes. */
export const MAX_NAME_BYTES: number = MAXNAMELEN - 1;
/** A line of the segment-id file (rsmapi.md 3.9). */
export const MAX_SEGMENT_ID_LINE_BYTES = 255;
/** What one buffer of this runtime can show: 4 GiB on Node 20, more on later ones. */
export const MAX_BUFFER_BYTES: number = constants.MAX_LENGTH;
/** What a timer of the event loop can wait: longer ones fire at once. */
export const MAX_TIMER_MS = 0x7fffffff;
