/**
 * Faults at random between three machines, each of which exports to the two others and imports from both: cables,
 * gateways, exporters and importers fail and heal, while a model checks that what was acknowledged is there, that
 * every success of a barrier is true, that every error is a documented one, and that nothing is left. For a minute,
 * or for RSM_SOAK_SECONDS (`npm run test:soak`).
 */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { randomness, until } from '../support/actors.ts';
import { figures } from '../support/figures.ts';
import { allUp, type Machine, world } from '../support/hosts.ts';
import type { Peer } from '../support/peer.ts';
import { bytesOf, connectOn, exportOn, importersOf } from './actors.ts';
import { Model, work } from './model.ts';

const SECONDS = Number(process.env.RSM_SOAK_SECONDS ?? 60);
const LONGEST_FAULT_MS = 3000;
/** Of a gateway that serves nobody; each importer has several more. */
const MOST_DESCRIPTORS = 60;
/** What may come of a transfer, and of a connect, when something is wrong. */
const OF_TRANSFER = ['RSMERR_CONN_ABORTED', 'RSMERR_BARRIER_FAILURE'];
const OF_CONNECT = ['RSMERR_REMOTE_NODE_UNREACHABLE', 'RSMERR_SEG_NOT_PUBLISHED', 'RSMERR_INTERRUPTED'];

const { machines, apart, cut, heal, filter, unfilter } = await world(3);
const { next } = randomness();
const counts: Record<string, number> = {};

function count(what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

function pause(mostMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, next(mostMs)));
}

class Exporter {
  readonly machine: Machine;
  peer!: Peer;
  id!: number;
  model!: Model;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** A new process, with a new segment. */
  async begin(): Promise<void> {
    this.peer = await this.machine.peer();
    this.id = await exportOn(this.peer, { nodes: machines.map(({ id }) => id) });
    this.model = new Model(machines.length - 1, 1);
  }

  async compare(): Promise<void> {
    this.model.compare(await bytesOf(this.peer, 0, 0, this.model.length));
  }
}

class Importer {
  readonly machine: Machine;
  readonly exporter: Exporter;
  /** Its number among those of the exporter. */
  readonly part: number;
  peer!: Peer;
  connected = false;

  constructor(machine: Machine, exporter: Exporter, part: number) {
    this.machine = machine;
    this.exporter = exporter;
    this.part = part;
  }

  async begin(): Promise<void> {
    this.peer = await this.machine.peer();
    this.connected = false;
  }

  /** Connects, if it must, and works; the code of what failed. */
  async storm(): Promise<string | null> {
    const { peer, exporter, part } = this;
    if (!this.connected) {
      const code = await connectOn(peer, exporter.id, 'rw', exporter.machine.id);
      if (code !== 'connected') {
        expect(OF_CONNECT).toContain(code);
        return `connect ${code}`;
      }
      this.connected = true;
    }
    const { did, code } = await work(peer, part, next(2 ** 31));
    for (const each of did) exporter.model.take(each);
    if (code === null) return null;
    expect(OF_TRANSFER).toContain(code);
    this.connected = false;
    return code;
  }
}

const exporters = machines.map((machine) => new Exporter(machine));
const importers = exporters.flatMap((exporter) =>
  machines
    .filter((machine) => machine !== exporter.machine)
    .map((machine, part) => new Importer(machine, exporter, part)),
);

/** Begun while importers work, ended a little later. A process that is killed is replaced when all have worked. */
interface Fault {
  name: string;
  begin(): unknown;
  end(): unknown;
}

const nothing = () => {};
const FAULTS: Fault[] = [
  { name: 'nothing', begin: nothing, end: nothing },
  ...machines.flatMap((machine) => [...faultsOf(machine), ...(apart ? faultsOfCable(machine) : [])]),
];

function faultsOf(machine: Machine): Fault[] {
  const { id } = machine;
  return [
    {
      name: `gateway ${id} stopped`,
      begin: () => machine.gateway!.kill('SIGSTOP'),
      end: () => machine.gateway!.kill('SIGCONT'),
    },
    {
      name: `gateway ${id} killed`,
      begin: () => machine.endGateway('SIGKILL'),
      end: () => machine.startGateway(),
    },
    { name: `exporter ${id} killed`, begin: () => exporters[id - 1]!.peer.kill(), end: nothing },
    {
      name: `importer of ${id} killed`,
      begin: () => importers.find(({ exporter }) => exporter.machine === machine)!.peer.kill(),
      end: nothing,
    },
  ];
}

function faultsOfCable(machine: Machine): Fault[] {
  const { id } = machine;
  const oneWay = (name: string, hook: 'input' | 'output'): Fault => ({
    name: `${name} ${id}`,
    begin: () => filter(machine, hook),
    end: () => unfilter(machine),
  });
  return [
    { name: `cable ${id}`, begin: () => cut(machine), end: () => heal(machine) },
    oneWay('nothing comes to', 'input'),
    oneWay('nothing comes from', 'output'),
  ];
}

/** Everybody works until the fault is over. An importer that was killed has lost what it did. */
function storms(isOver: () => boolean): Promise<unknown> {
  return Promise.all(
    importers.map(async (importer) => {
      const { peer, exporter, part } = importer;
      try {
        do {
          count(`work: ${(await importer.storm()) ?? 'done'}`);
          await pause(50);
        } while (!isOver());
      } catch (error) {
        if (peer.process.signalCode !== 'SIGKILL') throw error;
        exporter.model.forget(part);
      }
    }),
  );
}

async function replaceTheDead(): Promise<void> {
  for (const actor of [...exporters, ...importers]) {
    if (actor.peer.process.signalCode === null) continue;
    await actor.begin();
  }
}

/** Nothing is broken any more: everybody can do everything, and leaves nothing. */
async function inTheEnd(): Promise<void> {
  await Promise.all(machines.map((machine) => allUp(machine, machines)));
  for (const importer of importers) {
    const fresh = !importer.connected;
    const code = await importer.storm();
    expect(code === null || !fresh, `${code} without a fault`).toBe(true);
  }
  for (const exporter of exporters) await exporter.compare();
  for (const { peer } of importers) await peer.end();
  for (const { peer } of exporters) await until(async () => (await importersOf(peer)) === 0);
  for (const machine of machines) await machine.endPeers();
  for (const { gateway } of machines) {
    await until(() => readdirSync(`/proc/${gateway!.pid}/fd`).length < MOST_DESCRIPTORS);
  }
}

test(`${SECONDS} seconds of faults`, { timeout: (SECONDS + 240) * 1000 }, async () => {
  for (const actor of [...exporters, ...importers]) await actor.begin();
  const deadline = Date.now() + SECONDS * 1000;
  while (Date.now() < deadline) {
    const fault = FAULTS[next(FAULTS.length)]!;
    count(`fault: ${fault.name}`);
    let over = false;
    const working = storms(() => over);
    await pause(100);
    await fault.begin();
    await pause(LONGEST_FAULT_MS);
    await fault.end();
    over = true;
    await working;
    await replaceTheDead();
    await exporters[next(exporters.length)]!.compare();
  }
  figures(`three machines that export and import, faults at random, ${SECONDS} seconds`, {
    ...Object.fromEntries(Object.entries(counts).sort()),
  });
  await inTheEnd();
});
