/** The import side of this node: a native connection and its control block. */
import { RSM_PERM_RDWR } from '../../core/constants.ts';
import { RSMERR_MAP_FAILED, RsmError } from '../../errors.ts';
import { type Connection, type NativeImport, native } from '../../native/index.ts';
import { CONNECTED, LOCAL_STATE, STATUS_STATE } from '../../native/layout.ts';
import type { Share } from '../../node/index.ts';
import type { DriverImport, MemoryRange } from '../driver.ts';
import type { EndListeners } from '../ends.ts';
import { resultOf } from '../result.ts';
import { LoopbackEvents } from './events.ts';
import { LoopbackLocks } from './locks.ts';

/** A locked instruction of x86 orders all accesses; loads behind it need nothing more. Twice as fast. */
const EXCHANGE_IS_FENCE: boolean = process.arch === 'x64';
/** Only its being stored to matters: that is the fence of `intact`. */
const fence = new Int32Array(1);

const CANNOT_SHARE: string =
  `Node.js ${process.version} cannot wrap foreign memory as a SharedArrayBuffer (it has no ` +
  'node_api_create_external_sharedarraybuffer): use 22.23.3, 24.16, 26.1 or newer, or map without `shared`';

export class LoopbackImport implements DriverImport {
  readonly events: LoopbackEvents;
  readonly transfers = null;
  readonly byteLength: number;
  readonly owner: { uid: number; pid: number };
  readonly counts: Float64Array<ArrayBuffer>;
  readonly #share: Share;
  readonly #segment: NativeImport;
  readonly #control: Int32Array<ArrayBuffer>;
  readonly #aborts: EndListeners<NativeImport>;
  /** To be told of mappings. Weakly: it keeps them. */
  #locks: WeakRef<LoopbackLocks> | null = null;
  /** The mapping's buffer. Weakly: a forgotten connection must not keep what a program let go. */
  #mapped: WeakRef<ArrayBuffer> | null = null;

  constructor(
    { handle, control, byteLength, uid, pid }: Connection,
    share: Share,
    aborts: EndListeners<NativeImport>,
  ) {
    this.#segment = handle;
    this.#control = new Int32Array(control);
    this.#aborts = aborts;
    this.byteLength = byteLength;
    this.owner = { uid, pid };
    this.events = new LoopbackEvents(handle);
    this.#share = share;
    this.counts = share.showImport(handle);
  }

  openLocks(): LoopbackLocks {
    const locks = new LoopbackLocks(this.#segment);
    this.#locks = new WeakRef(locks);
    return locks;
  }

  intact(): boolean {
    const control = this.#control;
    if (EXCHANGE_IS_FENCE) {
      Atomics.exchange(fence, 0, 0);
      return control[LOCAL_STATE] === CONNECTED && control[STATUS_STATE] === CONNECTED;
    }
    // Sequentially consistent: no access before the store can move behind the loads.
    Atomics.store(fence, 0, 0);
    return (
      Atomics.load(control, LOCAL_STATE) === CONNECTED && Atomics.load(control, STATUS_STATE) === CONNECTED
    );
  }

  get connected(): boolean {
    return this.intact();
  }

  map(offset: number, length: number, permission: number, internal: boolean): ArrayBuffer {
    const made = native.map(this.#segment, offset, length, permission, internal, null, 0);
    const buffer = resultOf(made, 'map');
    this.#mapped = new WeakRef(buffer);
    this.#showWords(buffer, 0, length, offset, permission);
    return buffer;
  }

  mapShared(offset: number, length: number, permission: number): SharedArrayBuffer {
    const made = native.mapShared(this.#segment, offset, length, permission);
    if (made === null) throw new RsmError(RSMERR_MAP_FAILED, 'map', CANNOT_SHARE);
    const buffer = resultOf(made, 'map');
    this.#showWords(buffer, 0, length, offset, permission);
    return buffer;
  }

  mapFixed(offset: number, length: number, permission: number, at: MemoryRange): void {
    const { buffer, byteOffset } = at;
    resultOf(native.map(this.#segment, offset, length, permission, false, buffer, byteOffset), 'map');
    this.#showWords(buffer, byteOffset, length, offset, permission);
  }

  unmap(): void {
    native.unmap(this.#segment, this.#takeMapped());
  }

  disconnect(): void {
    this.#aborts.delete(this.#segment);
    native.disconnect(this.#segment, this.#takeMapped());
    this.#share.leave();
  }

  onAbort(callback: () => void): void {
    this.#aborts.set(this.#segment, callback);
    if (!this.intact()) this.#aborts.fire(this.#segment);
  }

  /** Of pages that can be read only, the words are not the segment's to change. */
  #showWords(
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
    start: number,
    permission: number,
  ): void {
    if (permission === RSM_PERM_RDWR) this.#locks?.deref()?.show(buffer, byteOffset, length, start);
  }

  #takeMapped(): ArrayBuffer | null {
    const buffer = this.#mapped?.deref() ?? null;
    this.#mapped = null;
    this.#locks?.deref()?.hide();
    return buffer;
  }
}
