/**
 * Faults at random between two machines, while importers put, get and close barriers: what was acknowledged is
 * there, every success of a barrier is true, every error is a documented one, and nothing is left. For a minute,
 * or for RSM_SOAK_SECONDS (`npm run test:soak`).
 */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { randomness, until } from '../support/actors.ts';
import { allUp, type Machine, world } from '../support/hosts.ts';
import type { Peer } from '../support/peer.ts';
import { bytesOf, connectOn, exportOn, importersOf, type Kept } from './actors.ts';

const SECONDS = Number(process.env.RSM_SOAK_SECONDS ?? 60);
const IMPORTERS = 3;
/** Bytes that one importer writes, and nobody else. */
const SLOTS = 16;
const STEPS = 40;
/** Of a gateway that serves nobody; each importer has several more. */
const MOST_DESCRIPTORS = 60;
/** What may come of a transfer, and of a connect, when something is wrong. */
const OF_TRANSFER = ['RSMERR_CONN_ABORTED', 'RSMERR_BARRIER_FAILURE'];
const OF_CONNECT = ['RSMERR_REMOTE_NODE_UNREACHABLE', 'RSMERR_SEG_NOT_PUBLISHED', 'RSMERR_INTERRUPTED'];

const { machines, apart, cut, heal } = await world(2);
const [one, two] = machines as [Machine, Machine];

/** What one importer did, in order: a put of a barrier that failed may be there, and may not. */
interface Did {
  slot: number;
  value: number;
  what: 'put' | 'get';
  good: boolean;
}

/** Does some dozen things; ends with the first that fails. */
function work(peer: Peer, first: number, seed: number): Promise<{ did: Did[]; code: string | null }> {
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
    first,
    SLOTS,
    STEPS,
    seed,
  );
}

/** What may stand in each slot of the memory. */
class Model {
  readonly #slots: Map<number, Set<number>> = new Map();

  constructor(initial: number) {
    for (let slot = 0; slot < IMPORTERS * SLOTS; slot++) this.#slots.set(slot, new Set([initial]));
  }

  take({ slot, value, what, good }: Did): void {
    if (what === 'get') expect([...this.#slots.get(slot)!], `slot ${slot}`).toContain(value);
    else if (good) this.#slots.set(slot, new Set([value]));
    else this.#slots.get(slot)!.add(value);
  }

  compare(found: number[]): void {
    for (const [slot, possible] of this.#slots) expect([...possible], `slot ${slot}`).toContain(found[slot]);
  }
}

type Fault = { name: string; begin(): unknown; end(): unknown };

/** Begun while importers work, ended a little later. */
const FAULTS: Fault[] = [
  { name: 'nothing', begin: () => {}, end: () => {} },
  ...[one, two].flatMap((machine): Fault[] => [
    ...(apart ? [{ name: `cable ${machine.id}`, begin: () => cut(machine), end: () => heal(machine) }] : []),
    {
      name: `gateway ${machine.id} stopped`,
      begin: () => machine.gateway!.kill('SIGSTOP'),
      end: () => machine.gateway!.kill('SIGCONT'),
    },
    {
      name: `gateway ${machine.id} killed`,
      begin: () => machine.endGateway('SIGKILL'),
      end: () => machine.startGateway(),
    },
  ]),
];

interface Scene {
  next(below: number): number;
  count(what: string): void;
  exporter: Peer;
  id: number;
  model: Model;
  importers: Peer[];
  /** As far as is known. */
  connected: boolean[];
}

/** One importer connects, if it must, and works. */
async function storm(scene: Scene, index: number): Promise<void> {
  const { importers, connected, count } = scene;
  if (!connected[index]) {
    const code = await connectOn(importers[index]!, scene.id);
    connected[index] = code === 'connected';
    if (!connected[index]) {
      expect(OF_CONNECT).toContain(code);
      count(`connect ${code}`);
      return;
    }
  }
  const { did, code } = await work(importers[index]!, index * SLOTS, scene.next(2 ** 31));
  for (const each of did) scene.model.take(each);
  count(code ?? 'all went well');
  if (code === null) return;
  expect(OF_TRANSFER).toContain(code);
  connected[index] = false;
}

async function begin(scene: Scene): Promise<void> {
  scene.exporter = await one.peer();
  scene.id = await exportOn(scene.exporter);
  scene.model = new Model(1);
}

/** Somebody dies, or is looked at. */
async function afterwards(scene: Scene): Promise<void> {
  const { next, count, importers, connected } = scene;
  const dice = next(10);
  if (dice === 0) {
    count('importer killed');
    const index = next(IMPORTERS);
    await importers[index]!.kill();
    importers[index] = await two.peer();
    connected[index] = false;
  } else if (dice === 1) {
    count('exporter killed');
    await scene.exporter.kill();
    await begin(scene);
  } else if (dice < 4) {
    scene.model.compare(await bytesOf(scene.exporter, 0, 0, IMPORTERS * SLOTS));
  }
}

/** Nothing is broken any more: everybody can do everything, and leaves nothing. */
async function inTheEnd({ next, exporter, id, model, importers, connected }: Scene): Promise<void> {
  await Promise.all(machines.map((machine) => allUp(machine, machines)));
  for (const [index, peer] of importers.entries()) {
    const fresh = !connected[index];
    if (fresh) expect(await connectOn(peer, id)).toBe('connected');
    const { did, code } = await work(peer, index * SLOTS, next(2 ** 31));
    for (const each of did) model.take(each);
    expect(code === null || !fresh, `${code} without a fault`).toBe(true);
  }
  model.compare(await bytesOf(exporter, 0, 0, IMPORTERS * SLOTS));
  await two.endPeers();
  await until(async () => (await importersOf(exporter)) === 0);
  await one.endPeers();
  for (const { gateway } of machines) {
    await until(() => readdirSync(`/proc/${gateway!.pid}/fd`).length < MOST_DESCRIPTORS);
  }
}

test(`${SECONDS} seconds of faults`, { timeout: (SECONDS + 240) * 1000 }, async () => {
  const counts: Record<string, number> = {};
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const importers = await Promise.all(Array.from({ length: IMPORTERS }, () => two.peer()));
  const scene = {
    ...randomness(),
    count,
    importers,
    connected: importers.map(() => false),
  } as unknown as Scene;
  await begin(scene);
  const pause = (mostMs: number) => new Promise((resolve) => setTimeout(resolve, scene.next(mostMs)));
  const deadline = Date.now() + SECONDS * 1000;
  while (Date.now() < deadline) {
    const fault = FAULTS[scene.next(FAULTS.length)]!;
    count(fault.name);
    const storms = Promise.all(importers.map((_, index) => storm(scene, index)));
    await pause(100);
    await fault.begin();
    await pause(3000);
    await fault.end();
    await storms;
    await afterwards(scene);
  }
  console.log(counts);
  await inTheEnd(scene);
});
