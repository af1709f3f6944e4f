/** The export side of this node: native segments, published in the runtime directory. */
import type { GrantTable } from '../../core/access.ts';
import { type NativeExport, native } from '../../native/index.ts';
import type { Node } from '../../node/index.ts';
import type { DriverExport, MemoryRange } from '../driver.ts';
import { LoopbackEvents } from './events.ts';
import { done, resultOf } from './result.ts';

export class LoopbackExport implements DriverExport {
  readonly events: LoopbackEvents;
  readonly #node: Node;
  readonly #segment: NativeExport;

  constructor(node: Node, { buffer, byteOffset, byteLength }: MemoryRange, readOnly: boolean) {
    const made = native.createExport(buffer, byteOffset, byteLength, readOnly);
    this.#segment = resultOf(made, 'create');
    this.#node = node;
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
    done(native.rebind(this.#segment, buffer, byteOffset), 'rebind');
  }

  destroy(): void {
    native.destroyExport(this.#segment);
  }
}
