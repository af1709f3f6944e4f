/** The part of an import segment that transfers reach: the mapped one, with typed views for each size of item. */
import type { DriverTransfers } from '../drivers/driver.ts';

export class Window {
  /** In the segment: [start, end). */
  readonly start: number;
  readonly end: number;
  readonly permission: number;
  /** Whether the program asked for it, or a put or get did (rsmapi.md 1.5: MAPPED, IMAPPED). */
  readonly explicit: boolean;
  /** On an ArrayBuffer, unless the program asked for a shared one. Empty where there is no mapping. */
  readonly bytes: Uint8Array;
  /** Of a segment that cannot be mapped. */
  readonly transfers: DriverTransfers | null;
  #words16: Uint16Array | null = null;
  #words32: Uint32Array | null = null;
  #words64: BigUint64Array | null = null;
  #part: Uint8Array | null = null;
  #partAt = 0;

  constructor(
    start: number,
    permission: number,
    explicit: boolean,
    bytes: Uint8Array,
    transfers: DriverTransfers | null = null,
    byteLength: number = bytes.length,
  ) {
    this.start = start;
    this.end = start + byteLength;
    this.permission = permission;
    this.explicit = explicit;
    this.bytes = bytes;
    this.transfers = transfers;
  }

  /** A whole segment that cannot be mapped. */
  static unmapped(permission: number, byteLength: number, transfers: DriverTransfers): Window {
    return new Window(0, permission, false, new Uint8Array(0), transfers, byteLength);
  }

  get buffer(): ArrayBufferLike {
    return this.bytes.buffer;
  }

  get words16(): Uint16Array {
    this.#words16 ??= new Uint16Array(this.buffer, this.bytes.byteOffset, Math.floor(this.bytes.length / 2));
    return this.#words16;
  }

  get words32(): Uint32Array {
    this.#words32 ??= new Uint32Array(this.buffer, this.bytes.byteOffset, Math.floor(this.bytes.length / 4));
    return this.#words32;
  }

  get words64(): BigUint64Array {
    this.#words64 ??= new BigUint64Array(
      this.buffer,
      this.bytes.byteOffset,
      Math.floor(this.bytes.length / 8),
    );
    return this.#words64;
  }

  /** The bytes [at, at + length) of the window; the same view again while the same ones are asked for. */
  part(at: number, length: number): Uint8Array {
    if (this.#part === null || this.#partAt !== at || this.#part.length !== length) {
      this.#part = new Uint8Array(this.buffer, this.bytes.byteOffset + at, length);
      this.#partAt = at;
    }
    return this.#part;
  }

  /** A program can transfer the buffer of its mapping away; the views have length 0 then. */
  get detached(): boolean {
    return this.bytes.length === 0 && this.transfers === null;
  }
}
