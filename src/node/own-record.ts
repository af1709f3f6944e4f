/** The record of this environment (main thread or worker), open: what it reserves, and what it shows. */
import { RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';
import { type NativeExport, type NativeImport, type NativeRecord, native } from '../native/index.ts';
import {
  CHUNK_SLOTS,
  HEADER,
  IMPORT_COUNTERS,
  SLOT_BYTES,
  TRANSFER_COUNTERS,
} from '../native/record-layout.ts';
import { threadId, uniqueName } from './unique.ts';

export class OwnRecord {
  readonly native: NativeRecord;
  readonly #words: Uint32Array;
  readonly #bytes: BigUint64Array;
  readonly #chunks: ArrayBuffer[] = [];

  /**
   * To be called with node.lock held, so that no sweep meets it before it is locked.
   * @param directory that of this user
   * @param node this one
   * @param gateway the uid of the node's gateway, -1 where there is none
   * @throws RsmError INSUFFICIENT_RESOURCES: it cannot be made there
   */
  constructor(directory: string, node: number, gateway: number, operation: string) {
    const name = uniqueName();
    try {
      this.native = native.openRecord(directory, name, node, gateway);
    } catch (cause) {
      const detail = `cannot make a record in ${directory}: ${(cause as Error).message}`;
      throw new RsmError(RSMERR_INSUFFICIENT_RESOURCES, operation, detail, { cause });
    }
    const header = native.recordPart(this.native, 0)!;
    this.#words = new Uint32Array(header);
    this.#bytes = new BigUint64Array(header);
    this.#words[HEADER.thread.offset / 4] = threadId();
    this.#words[HEADER.node.offset / 4] = node;
  }

  get reservedSegments(): number {
    return this.#words[HEADER.reservedSegments.offset / 4]!;
  }

  set reservedSegments(count: number) {
    this.#words[HEADER.reservedSegments.offset / 4] = count;
  }

  get reservedBytes(): number {
    return Number(this.#bytes[HEADER.reservedBytes.offset / 8]);
  }

  set reservedBytes(bytes: number) {
    this.#bytes[HEADER.reservedBytes.offset / 8] = BigInt(bytes);
  }

  /** Where the transfers of an import are counted; nowhere for others to see where there is no room. */
  showImport(segment: NativeImport): Float64Array<ArrayBuffer> {
    const slot = native.show(segment, this.native);
    if (slot < 0) return new Float64Array(TRANSFER_COUNTERS);
    const chunk = Math.floor(slot / CHUNK_SLOTS);
    this.#chunks[chunk] ??= native.recordPart(this.native, chunk + 1)!;
    const offset = (slot % CHUNK_SLOTS) * SLOT_BYTES + IMPORT_COUNTERS.puts.offset;
    return new Float64Array(this.#chunks[chunk], offset, TRANSFER_COUNTERS);
  }

  showExport(segment: NativeExport): void {
    native.show(segment, this.native);
  }

  close(): void {
    native.closeRecord(this.native);
  }
}
