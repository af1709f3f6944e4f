/** A segment of another node: transfers go over the fabric, and its memory cannot be mapped. */
import { RSMERR_BAD_ADDR, RSMERR_MAP_FAILED, RsmError } from '../../errors.ts';
import { fabric, type NativeEndpoint, type NativeRemote } from '../../native/index.ts';
import { WITHDRAWN } from '../../native/layout.ts';
import type { RemoteSlot } from '../../node/index.ts';
import type { DriverImport, DriverTransfers } from '../driver.ts';
import { EndListeners } from '../ends.ts';
import { OfiEvents } from './events.ts';
import { OfiLocks } from './locks.ts';

let ends: EndListeners<NativeEndpoint | NativeRemote> | undefined;

/** Of this thread: what has ended, endpoints and segments. */
export function endListeners(): EndListeners<NativeEndpoint | NativeRemote> {
  ends ??= new EndListeners((ended) => fabric().onEnd(ended));
  return ends;
}

/** A segment that is connected, before it is shown. */
export interface Remote {
  remote: NativeRemote;
  byteLength: number;
  owner: { uid: number; pid: number };
  /** This thread's number in lock words; 0: no lock operations. */
  lockOwner: number;
  /** Tells the gateway where others see it. */
  shown(place: NonNullable<RemoteSlot['place']>): void;
  /** To be called once when it is disconnected. */
  leave(): void;
}

/** What a shrinking buffer gives up cannot be touched any more, and a transfer under way would end the process. */
function canShrink({ buffer }: ArrayBufferView): boolean {
  return 'resizable' in buffer && buffer.resizable === true;
}

export class OfiImport implements DriverImport, DriverTransfers {
  readonly events: OfiEvents;
  readonly transfers: DriverTransfers;
  readonly byteLength: number;
  readonly owner: { uid: number; pid: number };
  readonly counts: Float64Array<ArrayBuffer>;
  readonly #remote: NativeRemote;
  readonly #lockOwner: number;
  readonly #state: Uint32Array;
  readonly #leave: () => void;

  /** @param slot what others see of it */
  constructor({ remote, byteLength, owner, lockOwner, leave }: Remote, slot: RemoteSlot) {
    this.#remote = remote;
    this.byteLength = byteLength;
    this.owner = owner;
    this.#lockOwner = lockOwner;
    this.#leave = leave;
    this.counts = slot.counts;
    this.#state = slot.state;
    this.events = new OfiEvents(remote, slot.events);
    this.transfers = this;
  }

  openLocks(): OfiLocks {
    return new OfiLocks(this.#remote, this.#lockOwner);
  }

  put(offset: number, from: ArrayBufferView, at: number, length: number, checked: boolean): boolean {
    return fabric().put(this.#remote, offset, from, at, length, checked) === 0;
  }

  get(offset: number, to: ArrayBufferView, at: number, length: number, checked: boolean): boolean {
    return fabric().get(this.#remote, offset, to, at, length, checked) === 0;
  }

  async putAsync(offset: number, from: ArrayBufferView, at: number, length: number): Promise<boolean> {
    if (!canShrink(from)) return (await fabric().putAsync(this.#remote, offset, from, at, length)) === 0;
    const copy = new Uint8Array(length);
    copy.set(new Uint8Array(from.buffer, from.byteOffset + at, length));
    return await this.putAsync(offset, copy, 0, length);
  }

  async getAsync(offset: number, to: ArrayBufferView, at: number, length: number): Promise<boolean> {
    if (!canShrink(to)) return (await fabric().getAsync(this.#remote, offset, to, at, length)) === 0;
    const copy = new Uint8Array(length);
    const done = await this.getAsync(offset, copy, 0, length);
    if (to.byteLength < at + length) throw new RsmError(RSMERR_BAD_ADDR, 'getAsync');
    new Uint8Array(to.buffer, to.byteOffset + at, length).set(copy);
    return done;
  }

  intact(): boolean {
    return fabric().check(this.#remote) === 0;
  }

  get connected(): boolean {
    return fabric().isWhole(this.#remote);
  }

  map(): ArrayBuffer {
    throw cannotMap();
  }

  mapShared(): SharedArrayBuffer {
    throw cannotMap();
  }

  mapFixed(): void {
    throw cannotMap();
  }

  /** Nothing is mapped. */
  unmap(): void {}

  disconnect(): void {
    endListeners().delete(this.#remote);
    fabric().closeRemote(this.#remote);
    this.#leave();
  }

  onAbort(callback: () => void): void {
    const state = this.#state;
    endListeners().set(this.#remote, () => {
      state[0] = WITHDRAWN;
      callback();
    });
    if (!this.connected) endListeners().fire(this.#remote);
  }
}

function cannotMap(): RsmError {
  return new RsmError(RSMERR_MAP_FAILED, 'map', 'memory of another node cannot be mapped: use put and get');
}
