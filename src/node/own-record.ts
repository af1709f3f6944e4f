/** The record of this environment (main thread or worker), open: what it reserves, and what it shows. */
import { RSMERR_INSUFFICIENT_RESOURCES, RsmError } from '../errors.ts';
import { type NativeExport, type NativeImport, type NativeRecord, native } from '../native/index.ts';
import {
  CHUNK_SLOTS,
  EVENT_COUNTERS,
  HEADER,
  IMPORT,
  IMPORT_COUNTERS,
  SLOT_BYTES,
  TRANSFER_COUNTERS,
} from '../native/record-layout.ts';
import { threadId, uniqueName } from './unique.ts';

/** A connection that the loopback addon knows nothing of. */
export interface RemoteImport {
  node: number;
  id: number;
  permission: number;
  byteLength: number;
  owner: { uid: number; pid: number };
  /** Where it is for somebody of another node: the gateway's. */
  importer?: { node: number; uid: number };
}

/** Its slot in the record, to be kept up to date; nobody sees it where there was no room. */
export interface RemoteSlot {
  /** Where it is: the record's file in the directory of its user. Undefined: nowhere. */
  readonly place: { record: string; slot: number } | undefined;
  /** `TRANSFER_COUNTERS`. */
  readonly counts: Float64Array<ArrayBuffer>;
  /** Events posted, and consumed. */
  readonly events: BigUint64Array<ArrayBuffer>;
  /** One word: layout.ts. */
  readonly state: Uint32Array<ArrayBuffer>;
  hide(): void;
}

/** For what is shown to nobody. */
export function unseenSlot(): RemoteSlot {
  return {
    place: undefined,
    counts: new Float64Array(TRANSFER_COUNTERS),
    events: new BigUint64Array(EVENT_COUNTERS),
    state: new Uint32Array(1),
    hide: () => {},
  };
}

export class OwnRecord {
  readonly native: NativeRecord;
  readonly #name: string;
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
    this.#name = name;
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
    const { buffer, at } = this.#slot(slot);
    return new Float64Array(buffer, at + IMPORT_COUNTERS.puts.offset, TRANSFER_COUNTERS);
  }

  showRemote({ node, id, permission, byteLength, owner, importer }: RemoteImport): RemoteSlot {
    const behalf = importer === undefined ? [0, 0, 0] : [1, importer.node, importer.uid];
    const words = Uint32Array.of(node, id, permission, owner.uid, owner.pid, ...behalf);
    const number = native.showRemote(this.native, words, byteLength);
    if (number < 0) return unseenSlot();
    const { buffer, at } = this.#slot(number);
    return {
      place: { record: this.#name, slot: number },
      counts: new Float64Array(buffer, at + IMPORT_COUNTERS.puts.offset, TRANSFER_COUNTERS),
      events: new BigUint64Array(buffer, at + IMPORT_COUNTERS.posts.offset, EVENT_COUNTERS),
      state: new Uint32Array(buffer, at + IMPORT.state.offset, 1),
      hide: () => native.hideRemote(this.native, number),
    };
  }

  #slot(number: number): { buffer: ArrayBuffer; at: number } {
    const chunk = Math.floor(number / CHUNK_SLOTS);
    this.#chunks[chunk] ??= native.recordPart(this.native, chunk + 1)!;
    return { buffer: this.#chunks[chunk], at: (number % CHUNK_SLOTS) * SLOT_BYTES };
  }

  showExport(segment: NativeExport): void {
    native.show(segment, this.native);
  }

  close(): void {
    native.closeRecord(this.native);
  }
}
