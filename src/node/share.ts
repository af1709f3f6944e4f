/** What one segment has of the node: its part of the limits, and its slot in the record. */
import type { NativeExport, NativeImport } from '../native/index.ts';
import { TRANSFER_COUNTERS } from '../native/record-layout.ts';
import { type OwnRecord, type RemoteImport, type RemoteSlot, unseenSlot } from './own-record.ts';
import type { Quota } from './quota.ts';

export class Share {
  readonly #quota: Quota;
  /** Undefined once it was given back, or where nothing was taken. */
  #record: OwnRecord | undefined;
  readonly #bytes: number;
  #remote: RemoteSlot | undefined;

  constructor(quota: Quota, record: OwnRecord | undefined, bytes: number) {
    this.#quota = quota;
    this.#record = record;
    this.#bytes = bytes;
  }

  /** Shows it to who looks at the node, until it ends. */
  showExport(segment: NativeExport): void {
    this.#record?.showExport(segment);
  }

  /** The same; returns where its transfers are to be counted: `TransferCounts` of the driver seam. */
  showImport(segment: NativeImport): Float64Array<ArrayBuffer> {
    return this.#record?.showImport(segment) ?? new Float64Array(TRANSFER_COUNTERS);
  }

  /** The same of a connection that the loopback addon knows nothing of. Hidden when this is left. */
  showRemote(remote: RemoteImport): RemoteSlot {
    this.#remote = this.#record?.showRemote(remote) ?? unseenSlot();
    return this.#remote;
  }

  /**
   * Runs `work` while its bytes count twice: old and new memory of a rebind.
   * @throws RsmError INSUFFICIENT_MEM
   */
  twice<T>(operation: string, work: () => T): T {
    this.#quota.take(operation, 0, this.#bytes, this.#record);
    try {
      return work();
    } finally {
      if (this.#record) this.#quota.giveBack(0, this.#bytes, this.#record);
    }
  }

  /** Gives everything back. Again: nothing happens. */
  leave(): void {
    this.#remote?.hide();
    this.#remote = undefined;
    if (this.#record) this.#quota.giveBack(1, this.#bytes, this.#record);
    this.#record = undefined;
  }
}
