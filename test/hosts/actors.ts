/** What exporters and importers on machines of a cluster do, over ofi0. */
import type { Controller, ExportSegment, ImportSegment } from '../../src/api/index.ts';
import type { Peer } from '../support/peer.ts';

/** What is kept in a peer. */
export interface Kept {
  controller: Controller;
  segment: ExportSegment;
  memories: ArrayBuffer[];
  imported: ImportSegment;
}

export interface Exporting {
  pages?: number;
  /** Of each of the nodes. */
  permission?: number;
  nodes?: number[];
}

/** Exports two memories, filled with 1 and 2, the first of them published; returns the id. */
export function exportOn(
  peer: Peer,
  { pages = 2, permission = 0o666, nodes = [2, 1] }: Exporting = {},
): Promise<number> {
  return peer.run(
    ({ api, kept }, count: number, access: number, admitted: number[]) => {
      const held = kept as unknown as Kept;
      held.controller = api.openController('ofi0');
      held.memories = [1, 2].map((value) => {
        const memory = api.allocate(count * 4096);
        new Uint8Array(memory).fill(value);
        return memory;
      });
      held.segment = held.controller.createExport(held.memories[0]!, { allowRebind: true });
      return held.segment.publish({ access: admitted.map((node) => ({ node, permission: access })) });
    },
    pages,
    permission,
    nodes,
  );
}

/** Connects to a segment, of node 1 unless told otherwise; 'connected', or the code. */
export function connectOn(peer: Peer, id: number, mode: 'r' | 'w' | 'rw' = 'rw', node = 1): Promise<string> {
  return peer.run(
    async ({ api, kept }, wanted: number, how: 'r' | 'w' | 'rw', where: number) => {
      const held = kept as unknown as Kept;
      held.controller ??= api.openController('ofi0');
      held.imported?.close();
      try {
        held.imported = await held.controller.connect({ node: where, id: wanted, mode: how });
        return 'connected';
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
    id,
    mode,
    node,
  );
}

/** Puts a byte, synchronously; 'done', or the code. */
export function putOn(peer: Peer, offset: number, value: number): Promise<string> {
  return peer.run(
    ({ kept }, at: number, byte: number) => {
      try {
        (kept as unknown as Kept).imported.put(at, Uint8Array.of(byte));
        return 'done';
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
    offset,
    value,
  );
}

/** Gets a byte; the code where it cannot. */
export function getOn(peer: Peer, offset: number): Promise<number | string> {
  return peer.run(({ kept }, at: number) => {
    const byte = new Uint8Array(1);
    try {
      (kept as unknown as Kept).imported.get(at, byte);
      return byte[0]!;
    } catch (error) {
      return (error as { code: string }).code;
    }
  }, offset);
}

/** Bytes of one of the exporter's memories. */
export function bytesOf(peer: Peer, memory: 0 | 1, offset: number, length: number): Promise<number[]> {
  return peer.run(
    ({ kept }, which: number, at: number, count: number) =>
      Array.from(new Uint8Array((kept as unknown as Kept).memories[which]!, at, count)),
    memory,
    offset,
    length,
  );
}

/** Puts in barriers, again and again, until something fails: what, and how many barriers closed well. */
export function putUntilItFails(peer: Peer): Promise<{ code: string; good: number }> {
  return peer.run(async ({ kept }) => {
    const { imported } = kept as unknown as Kept;
    for (let good = 0; ; good += 1) {
      try {
        const barrier = imported.barrier().open();
        imported.put(0, Uint8Array.of(good));
        barrier.close();
      } catch (error) {
        return { code: (error as { code: string }).code, good };
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
}

/** Waits for the abort of the import; the code. */
export function abortOf(peer: Peer): Promise<string> {
  return peer.run(async ({ kept }) => (await (kept as unknown as Kept).imported.aborted).code);
}

export function importersOf(peer: Peer): Promise<number> {
  return peer.run(({ kept }) => (kept as unknown as Kept).segment.importers);
}

export function closeOn(peer: Peer): Promise<void> {
  return peer.run(({ kept }) => (kept as unknown as Kept).imported.close());
}
