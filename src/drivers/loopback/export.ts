/** The export side of this node: native segments, published in the runtime directory. */
import type { GrantTable } from '../../core/access.ts';
import { type NativeExport, native } from '../../native/index.ts';
import type { Node, Share } from '../../node/index.ts';
import type { DriverExport, MemoryRange } from '../driver.ts';
import { done, resultOf } from '../result.ts';
import { LoopbackEvents } from './events.ts';
import { LoopbackLocks } from './locks.ts';

/** Flags of native.createExport. */
const READ_ONLY = 1;
const LOCK_OPS = 2;

interface CreateOptions {
  readOnly: boolean;
  lockOps: boolean;
}

export class LoopbackExport implements DriverExport {
  readonly events: LoopbackEvents;
  readonly #node: Node;
  readonly #share: Share;
  readonly #segment: NativeExport;
  readonly #locks: LoopbackLocks;

  constructor(node: Node, { buffer, byteOffset, byteLength }: MemoryRange, options: CreateOptions) {
    this.#node = node;
    this.#share = node.join('create', byteLength);
    const flags = (options.readOnly ? READ_ONLY : 0) | (options.lockOps ? LOCK_OPS : 0);
    try {
      this.#segment = resultOf(native.createExport(buffer, byteOffset, byteLength, flags), 'create');
    } catch (error) {
      this.#share.leave();
      throw error;
    }
    this.#share.showExport(this.#segment);
    this.events = new LoopbackEvents(this.#segment);
    this.#locks = new LoopbackLocks(this.#segment);
    this.#locks.show(buffer, byteOffset, byteLength, 0);
  }

  get importers(): number {
    return native.importers(this.#segment);
  }

  openLocks(): LoopbackLocks {
    return this.#locks;
  }

  publish(id: number, grants: GrantTable): number {
    return this.#node.publish(id, (chosen, claim, record) =>
      done(native.publish(this.#segment, record, chosen, claim, grants), 'publish'),
    );
  }

  republish(grants: GrantTable): void {
    done(native.republish(this.#segment, grants), 'republish');
  }

  unpublish(): void {
    done(native.unpublish(this.#segment), 'unpublish');
  }

  rebind({ buffer, byteOffset, byteLength }: MemoryRange, held: readonly number[]): void {
    const undo = this.#locks.carry(held, buffer, byteOffset, byteLength);
    try {
      this.#share.twice('rebind', () => done(native.rebind(this.#segment, buffer, byteOffset), 'rebind'));
    } catch (error) {
      undo();
      throw error;
    }
    this.#locks.show(buffer, byteOffset, byteLength, 0);
  }

  destroy(): void {
    native.destroyExport(this.#segment);
    this.#share.leave();
  }
}
