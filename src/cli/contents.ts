/**
 * How a file of any length travels in a segment, which is whole pages: its contents from byte 0 on, zeros,
 * and in the last 32 bytes of the segment a footer.
 *
 *   -32   16 bytes  "rsm:file-length\n"
 *   -16   u64       length of the contents, little-endian
 *    -8   u64       the same, every bit inverted
 *
 * It stands in the segment and not in the exporter's record so that it reaches whoever can connect: by
 * other controllers, in other containers, from C. Who may write to the segment may change it, as it may
 * change the contents. A length only counts where it makes just this segment; else there is no footer, and
 * the contents are all of the segment.
 */
import type { ImportSegment } from '../api/index.ts';
import { RSMERR_BAD_LENGTH, RSMERR_BAD_OFFSET, RsmError } from '../errors.ts';
import { segmentName } from './terminal.ts';

const MARK = Buffer.from('rsm:file-length\n', 'latin1');
const LENGTH_AT = MARK.length;
const INVERTED_AT = LENGTH_AT + 8;
export const FOOTER_BYTES: number = INVERTED_AT + 8;

/** The bytes of a segment for contents of that length. */
export function segmentLength(contentBytes: number, pageBytes: number): number {
  return Math.ceil((contentBytes + FOOTER_BYTES) / pageBytes) * pageBytes;
}

/** The last bytes of such a segment. */
export function footer(contentBytes: number): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES);
  MARK.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(contentBytes), LENGTH_AT);
  bytes.writeBigUInt64LE(inverted(BigInt(contentBytes)), INVERTED_AT);
  return bytes;
}

/** Of the machines that Node.js runs on: the exporter's need not be like this one. */
const PAGE_BYTES = [4096, 16_384, 65_536];

/** How many bytes of a segment are its contents. Where it cannot be read: all. */
export function contentLength(segment: ImportSegment): number {
  const { byteLength } = segment;
  if (segment.mode === 'w') return byteLength;
  const last = Buffer.alloc(FOOTER_BYTES);
  segment.get(byteLength - FOOTER_BYTES, last);
  const length = last.readBigUInt64LE(LENGTH_AT);
  const isFooter =
    last.subarray(0, LENGTH_AT).equals(MARK) &&
    last.readBigUInt64LE(INVERTED_AT) === inverted(length) &&
    PAGE_BYTES.some((pageBytes) => segmentLength(Number(length), pageBytes) === byteLength);
  return isFooter ? Number(length) : byteLength;
}

function inverted(length: bigint): bigint {
  return BigInt.asUintN(64, ~length);
}

/** Part of the contents of a segment, in bytes. */
export interface Range {
  segment: string;
  node: number;
  id: number;
  offset: number;
  length: number;
}

/**
 * What was asked for; without a length, all from the offset on.
 * @throws RsmError BAD_OFFSET, BAD_LENGTH: it reaches beyond the contents
 */
export function rangeOf(
  operation: string,
  segment: ImportSegment,
  { offset = 0, length }: { offset?: number; length?: number },
): Range {
  const { node, id } = segment;
  const name = segmentName(node, id);
  const total = contentLength(segment);
  const rest = total - offset;
  if (rest < 0) {
    throw new RsmError(RSMERR_BAD_OFFSET, operation, `${name} has ${total} bytes; ${offset} is behind them`);
  }
  if (length !== undefined && length > rest) {
    const detail = `${name} has ${rest} bytes from offset ${offset} on, not ${length}`;
    throw new RsmError(RSMERR_BAD_LENGTH, operation, detail);
  }
  return { segment: name, node, id, offset, length: length ?? rest };
}
