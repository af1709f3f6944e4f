/** What importers do to the memory of an exporter at random, and what may stand there afterwards. */
import { expect } from 'vitest';
import type { Peer } from '../support/peer.ts';
import type { Kept } from './actors.ts';

/** Bytes that one importer writes, and nobody else. */
const SLOTS = 16;
const STEPS = 40;

/** What one importer did, in order: a put of a barrier that failed may be there, and may not. */
interface Did {
  slot: number;
  value: number;
  what: 'put' | 'get';
  good: boolean;
}

/**
 * Does some dozen things to the slots of one importer; ends with the first that fails.
 * @param part the number of the importer among those of the segment
 */
export function work(peer: Peer, part: number, seed: number): Promise<{ did: Did[]; code: string | null }> {
  return peer.run(
    ({ kept }, from: number, slots: number, steps: number, start: number) => {
      const { imported } = kept as unknown as Kept;
      let state = start;
      const below = (count: number) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * count);
      };
      const did: Did[] = [];
      let span: Did[] = [];
      try {
        for (let step = 0; step < steps; step++) {
          const barrier = below(3) === 0 ? imported.barrier().open() : undefined;
          for (let count = barrier ? 4 : 1; count > 0; count--) {
            const slot = from + below(slots);
            if (below(3) === 0 && !barrier) {
              const byte = new Uint8Array(1);
              imported.get(slot, byte);
              did.push({ slot, value: byte[0]!, what: 'get', good: true });
            } else {
              span.push({ slot, value: 1 + below(255), what: 'put', good: false });
              imported.put(slot, Uint8Array.of(span.at(-1)!.value));
            }
          }
          barrier?.close();
          did.push(...span.map((each) => ({ ...each, good: true })));
          span = [];
        }
        return { did, code: null };
      } catch (error) {
        return { did: [...did, ...span], code: (error as { code: string }).code };
      }
    },
    part * SLOTS,
    SLOTS,
    STEPS,
    seed,
  );
}

/** What may stand in each slot of the memory; undefined: anything. */
export class Model {
  readonly #slots: (Set<number> | undefined)[];

  /** @param parts importers */
  constructor(parts: number, initial: number) {
    this.#slots = Array.from({ length: parts * SLOTS }, () => new Set([initial]));
  }

  get length(): number {
    return this.#slots.length;
  }

  take({ slot, value, what, good }: Did): void {
    if (what === 'get') this.#expect(slot, value);
    else if (good) this.#slots[slot] = new Set([value]);
    else this.#slots[slot]?.add(value);
  }

  /** The importer was killed before it could say what it did. */
  forget(part: number): void {
    this.#slots.fill(undefined, part * SLOTS, (part + 1) * SLOTS);
  }

  compare(found: number[]): void {
    for (const slot of this.#slots.keys()) this.#expect(slot, found[slot]!);
  }

  #expect(slot: number, found: number): void {
    const possible = this.#slots[slot];
    if (possible !== undefined) expect([...possible], `slot ${slot}`).toContain(found);
  }
}
