/** The processes that stay when a victim ends, and what they find: an exporter, an importer, a successor. */
import { readFileSync } from 'node:fs';
import type { Controller, ExportSegment, HeldLock, ImportSegment } from '../../../src/api/index.ts';
import { collectIn, settled } from '../actors.ts';
import { type Peer, startPeer } from '../peer.ts';
import { leftovers } from '../runtime.ts';
import { LOCK, type Stage } from './victim.ts';

/** Segments: the victim's, the surviving exporter's, that of a victim's main thread beside its worker. */
export const OWN = 0x600100;
export const OTHER = 0x600101;
export const MAIN = 0x600102;

/** What survivors say of a lock. */
export const LOCK_ONLY = 'lock goes on';
export const LOCK_AND_TOLD = 'lock goes on, its next owner told';

interface Kept {
  controller: Controller;
  segment: ExportSegment;
  memories: ArrayBuffer[];
  turn: number;
  witness: ImportSegment;
  imports: { segment: ImportSegment; view: Uint8Array | undefined }[];
  /** Of the exporter, the lock of its segment; of the importer, what it waits for. */
  lock: HeldLock | undefined;
  waiting: Promise<HeldLock> | undefined;
}

/** What the survivors hold between two victims. */
interface Holdings {
  exporter: { descriptors: number; threads: number; objects: number };
  importer: { descriptors: number; threads: number; objects: number };
}

export class Survivors {
  readonly directory: string;
  readonly exporter: Peer;
  readonly importer: Peer;
  readonly #successor: Peer;

  private constructor(directory: string, [exporter, importer, successor]: [Peer, Peer, Peer]) {
    this.directory = directory;
    this.exporter = exporter;
    this.importer = importer;
    this.#successor = successor;
  }

  static async start(directory: string): Promise<Survivors> {
    const env = { RSM_RUNTIME_DIR: directory };
    const peers = await Promise.all([startPeer({ env }), startPeer({ env }), startPeer({ env })]);
    const survivors = new Survivors(directory, peers);
    await survivors.#begin();
    return survivors;
  }

  async end(): Promise<void> {
    for (const peer of [this.exporter, this.importer, this.#successor]) await peer.end();
  }

  /** The importer connects to the victim's segment twice, once without a mapping. */
  connect(id: number): Promise<void> {
    return this.importer.run(({ kept }, wanted: number) => {
      const { controller, imports } = kept as unknown as Kept;
      for (const mapped of [true, false]) {
        const segment = controller.connectSync({ id: wanted, mode: 'rw' });
        imports.push({ segment, view: mapped ? new Uint8Array(segment.map()) : undefined });
      }
    }, id);
  }

  /** A call of a survivor that the victim's agent has a part in. Returns the code. */
  call(what: string): Promise<string> {
    const body = async (
      { kept }: { kept: unknown },
      wanted: string,
      own: number,
      lock: number,
    ): Promise<string> => {
      const { controller, segment, memories, imports } = kept as Kept;
      const calls: Record<string, () => unknown> = {
        'connect of another': async () => {
          const made = await controller.connect({ id: own, mode: 'rw' });
          imports.push({ segment: made, view: undefined });
        },
        'disconnect of another': () => imports.pop()!.segment.close(),
        'lock of another': async () => {
          const held = await imports.at(-1)!.segment.lock(lock).acquire();
          const next = imports.at(-2)!.segment.lock(lock).acquire();
          next.catch(() => {}); // the release may be the first to find that nobody is there
          held.release();
          (await next).release();
        },
        'unlock by the exporter': () => {
          (kept as Kept).lock!.release();
          (kept as Kept).lock = undefined;
        },
        'rebind by the exporter': () => segment.rebind(memories[(kept as Kept).turn++ % 2]!),
        'unpublish by the exporter': () => segment.unpublish(),
      };
      try {
        await calls[wanted]!();
        return 'done';
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    };
    const who = what.includes('exporter') ? this.exporter : this.importer;
    return who.run(body as never, what, OWN, LOCK);
  }

  /** Takes the lock of the exporter's segment, where the exporter is to have it at first. */
  async takeLock(lock: Stage['lock']): Promise<void> {
    if (lock !== 'exporter' && lock !== 'awaited') return;
    await this.exporter.run(async ({ kept }, offset: number) => {
      const held = kept as unknown as Kept;
      held.lock = await held.segment.lock(offset).acquire();
    }, LOCK);
  }

  /** Whoever waits for the lock, the importer for the victim's or the victim for the exporter's, is in its queue. */
  async awaitLock(lock: Stage['lock']): Promise<void> {
    if (lock === 'victim') {
      await this.importer.run(({ kept }, offset: number) => {
        const held = kept as unknown as Kept;
        held.waiting = held.witness.lock(offset).acquire();
      }, LOCK);
    }
    if (lock !== 'victim' && lock !== 'awaited') return;
    await this.exporter.run(async ({ kept }, offset: number) => {
      const { segment } = kept as unknown as Kept;
      while (segment.fetchAdd(offset, 0) < 2 ** 31) await new Promise((resolve) => setTimeout(resolve, 1));
    }, LOCK);
  }

  /** Everybody gets the lock of the exporter's segment, one after the other: whether anybody is told of a death. */
  async locksGoOn(lock: Stage['lock']): Promise<string> {
    const take = async ({ kept }: { kept: unknown }, offset: number): Promise<boolean> => {
      const held = kept as Kept;
      held.lock?.release();
      const next = held.waiting ?? (held.segment ?? held.witness).lock(offset).acquire({ timeoutMs: 10_000 });
      held.lock = held.waiting = undefined;
      const { ownerDied } = await next;
      (await next).release();
      return ownerDied;
    };
    const told: boolean[] = [];
    try {
      // Whose turn it is comes first: the importer waits for what the victim had.
      const both = [this.exporter, this.importer];
      for (const who of lock === 'victim' ? both.toReversed() : both)
        told.push(await who.run(take as never, LOCK));
    } catch (error) {
      return `lock ${(error as { code?: string }).code ?? error}`;
    }
    return told.includes(true) ? LOCK_AND_TOLD : LOCK_ONLY;
  }

  /** Resolves with the moment when the importer knows that all its connections to the segment have ended. */
  aborted(id: number): Promise<string> {
    return this.importer.run(async ({ kept }, own: number) => {
      const ours = (kept as unknown as Kept).imports.filter(({ segment }) => segment.id === own);
      for (const { segment } of ours) await segment.aborted;
      return String(process.hrtime.bigint());
    }, id);
  }

  /** The same of the exporter: nobody but the witness is connected any more. */
  alone(): Promise<string> {
    return this.exporter.run(async ({ kept }) => {
      const { segment } = kept as unknown as Kept;
      while (segment.importers > 1) await new Promise((resolve) => setTimeout(resolve, 1));
      return String(process.hrtime.bigint());
    });
  }

  /** What a put says in the importer's connections to the segment, each closed afterwards; codes once. */
  fate(id: number): Promise<string[]> {
    return this.importer.run(({ kept }, wanted: number) => {
      const held = kept as unknown as Kept;
      const codes = held.imports
        .filter(({ segment }) => segment.id === wanted)
        .map(({ segment, view }) => {
          view?.fill(0x44);
          let code = 'done';
          try {
            segment.put(4096, new Uint8Array([0x44]));
          } catch (error) {
            code = (error as { code: string }).code;
          }
          segment.close();
          return code;
        });
      held.imports = held.imports.filter(({ segment }) => segment.id !== wanted);
      return [...new Set(codes)];
    }, id);
  }

  /** Whether the exporter goes on: its witness sees what is rebound and hears what is posted. */
  async goesOn(): Promise<boolean> {
    const value = await this.exporter.run(({ kept }, id: number) => {
      const held = kept as unknown as Kept;
      if (held.segment.id === undefined) held.segment.publish({ id });
      const memory = held.memories[held.turn++ % 2]!;
      held.segment.rebind(memory);
      held.segment.post();
      return new Uint8Array(memory)[4096];
    }, OTHER);
    return await this.importer.run(
      ({ kept }, id: number, expected: number) => {
        const held = kept as unknown as Kept;
        if (!held.witness.connected) {
          held.witness.close();
          held.witness = held.controller.connectSync({ id, mode: 'rw' });
          held.witness.map();
          return true;
        }
        const byte = new Uint8Array(1);
        held.witness.get(4096, byte);
        return byte[0] === expected && held.witness.waitSync(10_000);
      },
      OTHER,
      value!,
    );
  }

  /** Opens the node anew, which tidies it, and publishes under the victim's id. */
  succeed(): Promise<string> {
    return this.#successor.run(({ api }, id: number) => {
      const controller = api.openController();
      try {
        const segment = controller.createExport(api.allocate(4096));
        segment.publish({ id });
        segment.close();
        return 'done';
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      } finally {
        controller.close();
      }
    }, OWN);
  }

  /** Files of the victim, or of its threads beside the main one. */
  filesOf(pid: number, onlyWorkers: boolean): string[] {
    const { claims, records } = leftovers(this.directory);
    const own = OWN.toString(16).padStart(8, '0');
    const record = new RegExp(`/${pid}\\.${onlyWorkers ? '[1-9]' : ''}`);
    return [...records.filter((path) => record.test(path)), ...claims.filter((path) => path.endsWith(own))];
  }

  async holdings(): Promise<Holdings> {
    await collectIn(this.importer);
    await collectIn(this.exporter);
    const [exporter, importer] = await Promise.all([holds(this.exporter), holds(this.importer)]);
    return { exporter, importer };
  }

  async #begin(): Promise<void> {
    await this.exporter.run(
      ({ api, kept }, id: number, lock: number) => {
        const held = kept as unknown as Kept;
        held.controller = api.openController();
        held.turn = 1;
        held.memories = [0x55, 0x66].map((value) => {
          const memory = api.allocate(8192);
          new Uint8Array(memory).fill(value).fill(0, lock, lock + 4);
          return memory;
        });
        const options = { allowRebind: true, lockOps: true };
        held.segment = held.controller.createExport(held.memories[0]!, options);
        held.segment.publish({ id });
      },
      OTHER,
      LOCK,
    );
    await this.importer.run(({ api, kept }, id: number) => {
      const held = kept as unknown as Kept;
      held.controller = api.openController();
      held.imports = [];
      held.witness = held.controller.connectSync({ id, mode: 'rw' });
      held.witness.map();
      // Keeps the importer's record between two victims, so that what it holds is the same.
      held.controller.createExport(api.allocate(4096)).publish();
    }, OTHER);
  }
}

async function holds(peer: Peer): Promise<Holdings['exporter']> {
  const { descriptors, threads } = await settled(peer.pid);
  const maps = readFileSync(`/proc/${peer.pid}/maps`, 'utf8').split('\n');
  return { descriptors, threads, objects: maps.filter((line) => line.includes('/memfd:')).length };
}
