/** What processes of this node count, read from their records: also while they compute, or hang. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { HEADER_BYTES, IMPORT_COUNTERS, SLOT_BYTES, TRANSFER_COUNTERS } from '../native/record-layout.ts';

/** Where a connection is counted. */
export interface CountPlace {
  path: string;
  /** Who must own it: everybody else's is none of his business. */
  uid: number;
  slot: number;
}

/** TRANSFER_COUNTERS of them; undefined: there is no such record any more. */
export function readCounts({ path, uid, slot }: CountPlace): number[] | undefined {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const values = new Float64Array(TRANSFER_COUNTERS);
  const at = HEADER_BYTES + slot * SLOT_BYTES + IMPORT_COUNTERS.puts.offset;
  let fd = -1;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const file = fstatSync(fd);
    if (!file.isFile() || file.uid !== uid) return undefined;
    return readSync(fd, values, 0, values.byteLength, at) === values.byteLength ? [...values] : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
