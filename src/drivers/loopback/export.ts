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

/** Of create and rebind (D-52). */
const CANNOT_EXPORT: string =
  'the range partly overlaps an exported one, is exported with another readOnly, or is no whole huge pages: ' +
  'export the same range again, or close that segment; or no descriptors or mappings are left: close some, or ' +
  'raise the limits';

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
      const made = native.createExport(buffer, byteOffset, byteLength, flags);
      this.#segment = resultOf(made, 'create', CANNOT_EXPORT);
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

  publish(id: number, grants: GrantTable, allow: () => void): number {
    return this.#node.publish(id, (chosen, claim, record) => {
      allow();
      done(native.publish(this.#segment, record, chosen, claim, grants), 'publish', this.#cannotClaim());
    });
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
      this.#share.twice('rebind', () =>
        done(native.rebind(this.#segment, buffer, byteOffset), 'rebind', CANNOT_EXPORT),
      );
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

  #cannotClaim(): string {
    return (
      `cannot write to the runtime directory ${this.#node.directory}: if it was removed under this process, ` +
      'start the processes of the node anew; else see that the disk is not full and that descriptors are left'
    );
  }
}
