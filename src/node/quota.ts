/**
 * The node-wide limits (rsmapi.md 3.8). What an environment has of them stands in its record, and the sum
 * over all records that are locked is what the node has: what a killed process held ends with its lock.
 * It only grows with node.lock held. Between users it is advisory: each writes its own records.
 */
import { readSync } from 'node:fs';
import { RSMERR_INSUFFICIENT_MEM, RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';
import { HEADER, RECORD_MAGIC, RECORD_VERSION } from '../native/record-layout.ts';
import type { Limits } from './configuration.ts';
import type { RuntimeDirectory } from './directory.ts';
import type { NodeLock } from './lock.ts';
import type { OwnRecord } from './own-record.ts';
import { liveRecords } from './records.ts';
import { os } from './seldom.ts';

/** Below this many segments of a node, each is reserved by itself and the limit is exact. */
const EXACT_BELOW = 4096;
/** Above, a process reserves in advance, as many as it has but not more than this: most connects then need
 * no lock. The last ones may be refused while other processes hold some in advance. */
const MOST_AHEAD = 1024;
/** Up to and with `reservedBytes`. */
const READ_BYTES = HEADER.reservedBytes.offset + 8;

export class Quota {
  readonly #maxSegments: number;
  /** 0: no limit. */
  readonly #maxBytes: number;
  readonly #directory: RuntimeDirectory;
  readonly #lock: NodeLock;
  /** This environment's; made when first needed. */
  readonly #record: (operation: string) => OwnRecord;
  #segments = 0;

  constructor(
    limits: Limits,
    directory: RuntimeDirectory,
    lock: NodeLock,
    record: (operation: string) => OwnRecord,
  ) {
    this.#maxSegments = limits.maxSegments;
    const percent = limits.maxExportedMemoryPercent;
    this.#maxBytes = percent === 0 ? 0 : Math.floor((os().totalmem() * percent) / 100);
    this.#directory = directory;
    this.#lock = lock;
    this.#record = record;
  }

  /**
   * @throws RsmError INSUFFICIENT_RESOURCES: max-segments is reached; INSUFFICIENT_MEM: max-exported-memory
   *   is; nothing was taken then
   */
  take(operation: string, segments: number, bytes: number, record: OwnRecord | undefined): void {
    const limitedBytes = this.#maxBytes > 0 ? bytes : 0;
    const reserved = record?.reservedSegments ?? 0;
    if (limitedBytes > 0 || this.#segments + segments > reserved) {
      this.#lock.holding(operation, () => this.#reserve(operation, segments, limitedBytes));
    }
    this.#segments += segments;
  }

  giveBack(segments: number, bytes: number, record: OwnRecord): void {
    this.#segments -= segments;
    if (this.#maxBytes > 0) record.reservedBytes -= bytes;
    const ahead = this.#ahead();
    if (record.reservedSegments > this.#segments + 2 * ahead) {
      record.reservedSegments = this.#segments + ahead;
    }
  }

  #reserve(operation: string, segments: number, bytes: number): void {
    const record = this.#record(operation);
    const node = reservations(this.#directory.users, operation);
    const missing = this.#segments + segments - record.reservedSegments;
    const free = this.#maxSegments - node.segments;
    if (missing > free) {
      const detail = `all ${this.#maxSegments} segments of this node are taken (max-segments)`;
      throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, operation, detail);
    }
    if (bytes > 0 && node.bytes + bytes > this.#maxBytes) {
      const detail =
        `this node exports ${node.bytes} bytes; ${bytes} more exceed the ${this.#maxBytes} ` +
        'that max-exported-memory allows';
      throw new RsmError(RSMERR_INSUFFICIENT_MEM, operation, detail);
    }
    if (missing > 0) record.reservedSegments += Math.min(missing + this.#ahead(), free);
    record.reservedBytes += bytes;
  }

  #ahead(): number {
    if (this.#maxSegments < EXACT_BELOW) return 0;
    return Math.min(Math.max(this.#segments, 1), MOST_AHEAD);
  }
}

/** Of all environments of the node. */
function reservations(users: string, operation: string): { segments: number; bytes: number } {
  const sum = { segments: 0, bytes: 0 };
  const header = new DataView(new ArrayBuffer(READ_BYTES));
  const word = (at: number) => header.getUint32(at, true);
  for (const { fd } of liveRecords(users, operation)) {
    if (readSync(fd, header, 0, READ_BYTES, 0) !== READ_BYTES) continue;
    if (word(HEADER.magic.offset) !== RECORD_MAGIC || word(HEADER.version.offset) !== RECORD_VERSION)
      continue;
    sum.segments += word(HEADER.reservedSegments.offset);
    sum.bytes += Number(header.getBigUint64(HEADER.reservedBytes.offset, true));
  }
  return sum;
}
