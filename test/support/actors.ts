/**
 * Peers that export and import with the idiomatic API, for tests that end, stop and kill them. What a peer
 * makes is kept there (`Held`); a step of a test reaches it through `peer.run`.
 */
import { once } from 'node:events';
import type { Controller, ExportSegment, ImportSegment } from '../../src/api/index.ts';
import { type Counts, counts } from './counts.ts';
import type { Peer } from './peer.ts';
import { killed } from './runtime.ts';

/** What these helpers keep in a peer: `const held = kept as unknown as Held`. */
export interface Held {
  controller: Controller;
  segment: ExportSegment;
  /** The memory of the segment and the memory it is rebound to. */
  memories: ArrayBuffer[];
  imports: ImportSegment[];
  /** Views on the mappings, by import; empty where there is none. */
  views: Uint8Array[];
}

export type Mapping = 'whole' | 'window' | 'implicit' | 'none';

export interface ActorExport {
  pages?: number;
  /** What the pages and the spare pages are filled with. */
  fill?: [number, number];
  id?: number;
  /** The permission of the local node in the access list; absent: no list. */
  permission?: number;
  readOnly?: boolean;
}

/** Exports and publishes in the peer; returns the id. */
export function exportIn(peer: Peer, options: ActorExport = {}): Promise<number> {
  return peer.run(
    ({ api, kept }, { pages = 2, fill = [0x11, 0x22], id, permission, readOnly }: ActorExport) => {
      const held = kept as unknown as Held;
      held.controller ??= api.openController();
      held.memories = fill.map((value) => {
        const memory = api.allocate(pages * 4096);
        new Uint8Array(memory).fill(value);
        return memory;
      });
      const create = { allowRebind: true, ...(readOnly === undefined ? {} : { readOnly }) };
      held.segment = held.controller.createExport(held.memories[0]!, create);
      const access = permission === undefined ? [] : [{ node: held.controller.nodeId, permission }];
      return held.segment.publish({ access, ...(id === undefined ? {} : { id }) });
    },
    options,
  );
}

/** Connects in the peer, `count` times, and maps as told: the window is the second page. */
export function importIn(
  peer: Peer,
  id: number,
  mapping: Mapping = 'whole',
  options: { mode?: 'r' | 'w' | 'rw'; count?: number } = {},
): Promise<void> {
  return peer.run(
    async ({ api, kept }, wanted: number, how: Mapping, mode: 'r' | 'w' | 'rw', count: number) => {
      const held = kept as unknown as Held;
      held.controller ??= api.openController();
      held.imports ??= [];
      held.views ??= [];
      for (let i = 0; i < count; i += 1) {
        const segment = await held.controller.connect({ id: wanted, mode });
        const window = how === 'window' ? { offset: 4096, length: 4096 } : {};
        const mapped = how === 'whole' || how === 'window' ? segment.map(window) : new ArrayBuffer(0);
        if (how === 'implicit') segment.get(0, new Uint8Array(1));
        held.imports.push(segment);
        held.views.push(new Uint8Array(mapped));
      }
    },
    id,
    mapping,
    options.mode ?? 'rw',
    options.count ?? 1,
  );
}

/** What every import of the peer reads at the start of the second page, by get. */
export function readIn(peer: Peer): Promise<number[]> {
  return peer.run(({ kept }) =>
    (kept as unknown as Held).imports.map((segment) => {
      const byte = new Uint8Array(1);
      segment.get(4096, byte);
      return byte[0]!;
    }),
  );
}

/** Waits until every import of the peer is aborted; returns the codes. */
export function abortedIn(peer: Peer): Promise<string[]> {
  return peer.run(({ kept }) =>
    Promise.all((kept as unknown as Held).imports.map(async (segment) => (await segment.aborted).code)),
  );
}

/** What put says in every import of the peer, after a store to every byte of each mapping. */
export function putIn(peer: Peer, value: number): Promise<string[]> {
  return peer.run(({ kept }, wanted: number) => {
    const held = kept as unknown as Held;
    for (const view of held.views) view.fill(wanted);
    return held.imports.map((segment) => {
      try {
        segment.put(4096, new Uint8Array([wanted]));
        return 'done';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  }, value);
}

/** The bytes of the exporter's two memories at the start of each page. */
export function memoriesIn(peer: Peer): Promise<number[][]> {
  return peer.run(({ kept }) =>
    (kept as unknown as Held).memories.map((memory) => {
      const bytes = new Uint8Array(memory);
      return Array.from({ length: bytes.length / 4096 }, (_, page) => bytes[page * 4096]!);
    }),
  );
}

export function rebindIn(peer: Peer, memory: 0 | 1): Promise<void> {
  return peer.run(({ kept }, index: number) => {
    const held = kept as unknown as Held;
    held.segment.rebind(held.memories[index]!);
  }, memory);
}

export function importersOf(peer: Peer): Promise<number> {
  return peer.run(({ kept }) => (kept as unknown as Held).segment.importers);
}

/** Closes every import of the peer, and collects what it held. */
export function closeImportsIn(peer: Peer): Promise<void> {
  return peer.run(({ kept }) => {
    const held = kept as unknown as Held;
    for (const segment of held.imports.splice(0)) segment.close();
    held.views.length = 0;
  });
}

/** Collects garbage in the peer, so that finalizers have run when this returns. */
export function collectIn(peer: Peer): Promise<void> {
  return peer.run(async () => {
    process.getBuiltinModule('node:v8').setFlagsFromString('--expose-gc');
    const collect = process.getBuiltinModule('node:vm').runInNewContext('gc') as () => void;
    for (let i = 0; i < 3; i += 1) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
}

/** Ends the peer by a signal. */
export async function signalTo(peer: Peer, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  killed.add(peer.pid);
  const closed = once(peer.process, 'close');
  peer.process.kill(signal);
  await closed;
}

/** Asks again until it is so; the test's time limit is the watchdog. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a process holds once it holds the same for a while: its agent may still be closing what it sent. */
export async function settled(pid: number): Promise<Counts> {
  for (let last = counts(pid); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = counts(pid);
    if (now.descriptors === last.descriptors && now.threads === last.threads) return now;
    last = now;
  }
}

/** A generator of moments and choices. The seed is printed, and RSM_SEED repeats it. */
export function randomness(): { seed: number; next(below: number): number } {
  const seed = Number(process.env.RSM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`RSM_SEED=${seed}`);
  let state = seed >>> 0;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return { seed, next };
}
