/** The export side of this node: native segments, published in the runtime directory. */
import type { GrantTable } from '../../core/access.ts';
import { type NativeExport, native } from '../../native/index.ts';
import type { Node, Share } from '../../node/index.ts';
import type { DriverExport, MemoryRange } from '../driver.ts';
import { LoopbackEvents } from './events.ts';
import { done, resultOf } from './result.ts';

export class LoopbackExport implements DriverExport {
  readonly events: LoopbackEvents;
  readonly #node: Node;
  readonly #share: Share;
  readonly #segment: NativeExport;

  constructor(node: Node, { buffer, byteOffset, byteLength }: MemoryRange, readOnly: boolean) {
    this.#node = node;
    this.#share = node.join('create', byteLength);
    try {
      this.#segment = resultOf(native.createExport(buffer, byteOffset, byteLength, readOnly), 'create');
    } catch (error) {
      this.#share.leave();
      throw error;
    }
    this.#share.showExport(this.#segment);
    this.events = new LoopbackEvents(this.#segment);
  }

  get importers(): number {
    return native.importers(this.#segment);
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

  rebind({ buffer, byteOffset }: MemoryRange): void {
    this.#share.twice('rebind', () => done(native.rebind(this.#segment, buffer, byteOffset), 'rebind'));
  }

  destroy(): void {
    native.destroyExport(this.#segment);
    this.#share.leave();
  }
}
