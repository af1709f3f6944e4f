/**
 * Two nodes of a cluster, and the processes that stay when a gateway ends: an exporter and an importer of its own node
 * on the first, an importer on the second.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Controller, ExportSegment, HeldLock, ImportSegment } from '../../../src/api/index.ts';
import { addNode, initCluster } from '../../../src/cluster/index.ts';
import { collectIn, settled, until } from '../actors.ts';
import { type Peer, startPeer } from '../peer.ts';
import { freePort } from '../ports.ts';
import type { GatewayOperation, GatewayRole } from './gateway-operations.ts';
import { GatewayVictim } from './gateway-victim.ts';

const EXPORTING = 1;
const IMPORTING = 2;
const NODES = [EXPORTING, IMPORTING];
const ID = 0x600200;

interface Kept {
  controller: Controller;
  segment: ExportSegment;
  memories: ArrayBuffer[];
  turn: number;
  imports: ImportSegment[];
  locks: (HeldLock | null)[];
  next: Promise<unknown>;
}

interface Held {
  descriptors: number;
  threads: number;
  objects: number;
}

export class GatewaySurvivors {
  readonly #library: string;
  readonly #folder: string;
  readonly #gateways: Map<number, GatewayVictim> = new Map();
  #exporter!: Peer;
  #witness!: Peer;
  #importer!: Peer;

  private constructor(library: string, folder: string) {
    this.#library = library;
    this.#folder = folder;
  }

  static async start(library: string, folder: string): Promise<GatewaySurvivors> {
    const survivors = new GatewaySurvivors(library, folder);
    await survivors.#begin();
    return survivors;
  }

  async end(): Promise<void> {
    for (const peer of [this.#importer, this.#witness, this.#exporter]) await peer?.end();
    for (const gateway of this.#gateways.values()) await gateway.kill();
  }

  gatewayOf(role: GatewayRole): GatewayVictim {
    return this.#gateways.get(role === 'exporting gateway' ? EXPORTING : IMPORTING)!;
  }

  /** The importer connects twice, so that what several share is shared; the operations use both. */
  async prepare({ name, alone }: GatewayOperation): Promise<void> {
    if (alone) return;
    await this.#importer.run(
      async ({ kept }, id: number, locked: boolean) => {
        const held = kept as unknown as Kept;
        for (let i = 0; i < 2; i += 1) {
          held.imports.push(await held.controller.connect({ node: 1, id, mode: 'rw' }));
        }
        if (locked) held.locks = [await held.imports[0]!.lock(0).acquire()];
        if (locked) held.next = held.imports[1]!.lock(0).acquire();
        held.next?.catch(() => {});
      },
      ID,
      name === 'unlock',
    );
    if (name === 'unlock') await this.#queued();
  }

  /** What somebody does who needs the gateway; returns the code. */
  perform({ role, name }: GatewayOperation): Promise<string> {
    if (name === 'end') this.gatewayOf(role).process.kill('SIGTERM');
    const body = async ({ kept }: { kept: unknown }, what: string, id: number): Promise<string> => {
      const held = kept as Kept;
      const { controller, segment, memories, imports } = held;
      const connect = async (): Promise<void> => {
        imports.push(await controller.connect({ node: 1, id, mode: 'rw' }));
      };
      const actions: Record<string, () => unknown> = {
        'first connect': connect,
        connect,
        disconnect: () => imports.pop()!.close(),
        put: () => imports[0]!.put(8, new Uint8Array(32_768)),
        get: () => imports[0]!.get(8, new Uint8Array(32_768)),
        barrier: () => {
          const span = imports[0]!.barrier().open();
          for (let i = 0; i < 4; i += 1) imports[0]!.put(8 + 4096 * i, new Uint8Array(4096));
          span.close();
        },
        'atomic addition': () => imports[0]!.fetchAdd(8, 1),
        lock: async () => {
          held.locks = [await imports[0]!.lock(0).acquire()];
        },
        unlock: () => held.locks[0]!.release(),
        'post to the exporter': () => imports[0]!.post(),
        'post to importers': () => segment.post(),
        'rebind by the exporter': () => segment.rebind(memories[held.turn++ % 2]!),
        'unpublish by the exporter': () => segment.unpublish(),
        end: () => {},
      };
      try {
        await actions[what]!();
        return 'done';
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    };
    const exporters = ['post to importers', 'rebind by the exporter', 'unpublish by the exporter'];
    const who = exporters.includes(name) ? this.#exporter : this.#importer;
    return who.run(body as never, name, ID);
  }

  /** Resolves with the moment when the importer knows that all its connections have ended. */
  aborted(): Promise<string> {
    return this.#importer.run(async ({ kept }) => {
      for (const segment of (kept as unknown as Kept).imports) await segment.aborted;
      return String(process.hrtime.bigint());
    });
  }

  /** Resolves when the exporter has no importer but that of its own node. */
  async alone(): Promise<void> {
    await this.#exporter.run(async ({ kept }) => {
      const { segment } = kept as unknown as Kept;
      while (segment.importers > 1) await new Promise((resolve) => setTimeout(resolve, 1));
    });
  }

  /** What a put says in the importer's connections, each closed afterwards; codes once. */
  fate(): Promise<string[]> {
    return this.#importer.run(({ kept }) => {
      const held = kept as unknown as Kept;
      const codes = held.imports.splice(0).map((segment) => {
        try {
          segment.put(8, Uint8Array.of(1));
          return 'done';
        } catch (error) {
          return (error as { code: string }).code;
        } finally {
          segment.close();
        }
      });
      held.locks = [];
      held.next = Promise.resolve();
      return [...new Set(codes)];
    });
  }

  /** A connect to the segment now, ended again: the code. */
  connects(): Promise<string> {
    return this.#importer.run(async ({ kept }, id: number) => {
      try {
        const segment = await (kept as unknown as Kept).controller.connect({ node: 1, id, mode: 'rw' });
        segment.put(8, Uint8Array.of(7));
        segment.close();
        return 'done';
      } catch (error) {
        return (error as { code: string }).code;
      }
    }, ID);
  }

  /** Whether exporter and importer of the same node go on: locks, rebinds and events. */
  async goesOn(): Promise<boolean> {
    const value = await this.#exporter.run(async ({ kept }, id: number) => {
      const held = kept as unknown as Kept;
      const access = [1, 2].map((node) => ({ node, permission: 0o666 }));
      if (held.segment.id === undefined) held.segment.publish({ id, access });
      (await held.segment.lock(0).acquire({ timeoutMs: 10_000 })).release();
      const memory = held.memories[held.turn++ % 2]!;
      held.segment.rebind(memory);
      held.segment.post();
      return new Uint8Array(memory)[65_535]!;
    }, ID);
    return this.#witness.run(
      async ({ kept }, id: number, expected: number) => {
        const held = kept as unknown as Kept;
        if (!held.imports[0]?.connected) {
          held.imports.pop()?.close();
          held.imports.push(held.controller.connectSync({ node: 1, id, mode: 'rw' }));
          return true;
        }
        const byte = new Uint8Array(1);
        held.imports[0].get(65_535, byte);
        return byte[0] === expected && held.imports[0].waitSync(10_000);
      },
      ID,
      value,
    );
  }

  /** Files of the gateway's in the runtime directory of its node. */
  left(role: GatewayRole): string[] {
    const { runtime } = this.#node(role === 'exporting gateway' ? EXPORTING : IMPORTING);
    return readdirSync(runtime)
      .filter((name) => name.startsWith('gateway') && !name.endsWith('.lock'))
      .sort();
  }

  /** Starts the gateway anew, and waits until the two have a link. */
  async comeBack(role: GatewayRole): Promise<void> {
    const node = role === 'exporting gateway' ? EXPORTING : IMPORTING;
    await this.#startGateway(node).linked;
    // The other one has it, too, as soon as it says so to its users.
    await until(async () => (await this.connects()) === 'done');
    await this.alone();
  }

  /** What those hold that stay. */
  async holdings(role: GatewayRole): Promise<Held[]> {
    const peers = [this.#exporter, this.#witness, this.#importer];
    for (const peer of peers) await collectIn(peer);
    const other = this.gatewayOf(role === 'exporting gateway' ? 'importing gateway' : 'exporting gateway');
    await other.collect();
    return Promise.all([...peers, other].map(({ pid }) => holds(pid)));
  }

  /** Until the second lock is asked for. */
  async #queued(): Promise<void> {
    await this.#exporter.run(async ({ kept }) => {
      const { segment } = kept as unknown as Kept;
      while (segment.fetchAdd(0, 0) < 2 ** 31) await new Promise((resolve) => setTimeout(resolve, 1));
    });
  }

  #node(node: number): { config: string; runtime: string } {
    return {
      config: join(this.#folder, 'cluster', `node-${node}`, 'rsm.toml'),
      runtime: join(this.#folder, `run-${node}`),
    };
  }

  #startGateway(node: number): GatewayVictim {
    const gateway = new GatewayVictim(this.#library, this.#node(node));
    this.#gateways.set(node, gateway);
    return gateway;
  }

  async #begin(): Promise<void> {
    const cluster = join(this.#folder, 'cluster');
    mkdirSync(this.#folder);
    await initCluster(cluster);
    for (const id of NODES) {
      await addNode(cluster, { id, address: `127.0.0.1:${await freePort()}`, trustedNetwork: false });
    }
    for (const { config, runtime } of NODES.map((node) => this.#node(node))) {
      const own = `[node]\nruntime = "${runtime}"\n`;
      const squash = `[gateway]\nuser = ${process.geteuid!()}\nsquash = "none"\n`;
      const text = readFileSync(config, 'utf8').replace('[node]\n', own).replace('[gateway]\n', squash);
      writeFileSync(config, text);
    }
    await Promise.all(NODES.map((node) => this.#startGateway(node).linked));
    const [one, two] = NODES.map((node) => {
      const { config, runtime } = this.#node(node);
      return { env: { RSM_CONFIG: config, RSM_RUNTIME_DIR: runtime } };
    });
    const peers = await Promise.all([startPeer(one), startPeer(one), startPeer(two)]);
    [this.#exporter, this.#witness, this.#importer] = peers as [Peer, Peer, Peer];
    await this.#exporter.run(({ api, kept }, id: number) => {
      const held = kept as unknown as Kept;
      held.controller = api.openController('ofi0');
      held.turn = 1;
      held.memories = [0x55, 0x66].map((value) => {
        const memory = api.allocate(65_536);
        new Uint8Array(memory).fill(value, 4096);
        return memory;
      });
      const options = { allowRebind: true, lockOps: true };
      held.segment = held.controller.createExport(held.memories[0]!, options);
      held.segment.publish({ id, access: [1, 2].map((node) => ({ node, permission: 0o666 })) });
    }, ID);
    for (const [peer, controller] of [
      [this.#witness, 'loopback'],
      [this.#importer, 'ofi0'],
    ] as const) {
      await peer.run(({ api, kept }, name: string) => {
        const held = kept as unknown as Kept;
        held.controller = api.openController(name);
        held.imports = [];
        // Keeps the process's record between two victims, so that what it holds is the same.
        held.controller.createExport(api.allocate(4096)).publish();
      }, controller);
    }
    await this.goesOn();
    await until(async () => (await this.connects()) === 'done');
    await this.alone();
  }
}

async function holds(pid: number): Promise<Held> {
  const { descriptors, threads } = await settled(pid);
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return { descriptors, threads, objects: maps.filter((line) => line.includes('/memfd:')).length };
}
