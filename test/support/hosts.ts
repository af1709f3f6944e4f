/**
 * Machines of a cluster: network namespaces for root, else runtime directories on loopback. Each has its
 * gateway, a real process; whoever runs on one is a peer started there.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect } from 'vitest';
import { type Host, makeHosts } from '../../src/cli/demo/hosts.ts';
import { addNode, initCluster } from '../../src/cluster/index.ts';
import { until } from './actors.ts';
import { type Peer, type PeerOptions, startPeer } from './peer.ts';
import { freePort } from './ports.ts';
import { program, rsmJson } from './rsm.ts';
import { leftovers } from './runtime.ts';

/** RSM_RUNTIME_DIR would come before what the configuration of a machine says. */
delete process.env.RSM_RUNTIME_DIR;

/** Of machines that are apart. */
export const GATEWAY_PORT = 7460;

export class Machine {
  readonly id: number;
  readonly config: string;
  readonly runtime: string;
  readonly #host: Host;
  readonly #uid: number | undefined;
  readonly #peers: Peer[] = [];
  gateway: ChildProcess | undefined;
  /** What its gateways have logged. */
  readonly log: Record<string, unknown>[] = [];

  /** @param uid of its gateway; undefined: ours */
  constructor(host: Host, folder: string, uid?: number) {
    this.#host = host;
    this.#uid = uid;
    this.id = host.id;
    this.config = join(folder, 'cluster', `node-${host.id}`, 'rsm.toml');
    this.runtime = join(folder, `run-${host.id}`);
  }

  /** For programs that are to be on this machine. */
  get through(): string[] {
    return this.#host.through;
  }

  async startGateway(): Promise<void> {
    const words = [...this.through, 'setpriv', '--pdeathsig', 'KILL'];
    if (this.#uid !== undefined) words.push(`--reuid=${this.#uid}`, `--regid=${this.#uid}`, '--clear-groups');
    words.push(process.execPath, program, 'gateway', '--config', this.config);
    const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    this.gateway = child;
    let runs = false;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.log.push(JSON.parse(line));
      runs ||= line.includes('the gateway runs');
    });
    await until(() => runs || child.exitCode !== null);
    expect(child.exitCode, `gateway of node ${this.id}`).toBe(null);
  }

  /** SIGTERM ends it in order; SIGKILL does not. */
  async endGateway(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { gateway } = this;
    this.gateway = undefined;
    if (gateway === undefined || gateway.exitCode !== null || gateway.signalCode !== null) return;
    const gone = once(gateway, 'exit');
    gateway.kill('SIGCONT');
    gateway.kill(signal);
    await gone;
  }

  /** A process of this machine. */
  async peer(user: Pick<PeerOptions, 'uid' | 'gid' | 'groups'> = {}): Promise<Peer> {
    const env = { RSM_CONFIG: this.config, RSM_RUNTIME_DIR: '' };
    const peer = await startPeer({ through: this.through, env, ...user });
    this.#peers.push(peer);
    return peer;
  }

  async endPeers(): Promise<void> {
    for (const peer of this.#peers.splice(0).reverse()) await peer.end();
  }

  /** The states of its paths, by node. */
  async paths(): Promise<Record<number, string>> {
    type Shown = { paths: { controller: string; node: number; state: string }[] };
    const env = { RSM_CONFIG: this.config, RSM_RUNTIME_DIR: '' };
    const { paths } = await rsmJson<Shown>(['topology'], { env });
    const others = paths.filter(({ controller }) => controller !== 'loopback');
    return Object.fromEntries(others.map(({ node, state }) => [node, state]));
  }
}

export interface World {
  machines: Machine[];
  /** Whether they have cables that can be cut: namespaces. */
  apart: boolean;
  cut(machine: Machine): void;
  heal(machine: Machine): void;
  /** Drops what comes in (input) or goes out (output), or only what a rule of nft says, until `unfilter`. */
  filter(machine: Machine, hook: 'input' | 'output', ...rule: string[]): void;
  unfilter(machine: Machine): void;
}

/**
 * For all tests of a file; what is left afterwards is an error.
 * @param uid of the gateways, on nodes of many users; undefined: everything is ours
 */
export async function world(count: number, uid?: number): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'rsm-test-hosts-'));
  const made = makeHosts(count);
  const machines = made.hosts.map((host) => new Machine(host, folder, uid));
  afterAll(async () => {
    for (const machine of machines) await machine.endPeers();
    for (const machine of machines) await machine.endGateway();
    made.end();
    const left = machines.flatMap(({ runtime }) => leftovers(runtime));
    rmSync(folder, { recursive: true });
    expect(left.flatMap(({ claims }) => claims)).toEqual([]);
  });
  await initCluster(join(folder, 'cluster'));
  for (const { id, address } of made.hosts) {
    const port = made.apart ? GATEWAY_PORT : await freePort(address);
    const node = { id, address: `${address}:${port}`, trustedNetwork: made.apart };
    await addNode(join(folder, 'cluster'), node);
  }
  if (uid !== undefined) for (const path of [folder, join(folder, 'cluster')]) chmodSync(path, 0o711);
  for (const machine of machines) {
    prepare(machine, uid);
    await machine.startGateway();
  }
  await Promise.all(machines.map((machine) => allUp(machine, machines)));
  const hostOf = ({ id }: Machine) => made.hosts[id - 1]!;
  return {
    machines,
    apart: made.apart,
    cut: (machine) => made.cut(hostOf(machine)),
    heal: (machine) => made.heal(hostOf(machine)),
    filter(machine, hook, ...rule) {
      nft(machine, 'add', 'table', ...TABLE);
      nft(machine, 'add', 'chain', ...TABLE, 'faults', `{ type filter hook ${hook} priority 0; }`);
      nft(machine, 'add', 'rule', ...TABLE, 'faults', ...rule, 'drop');
    },
    unfilter: (machine) => nft(machine, 'delete', 'table', ...TABLE),
  };
}

const TABLE = ['inet', 'rsm'];

function nft(machine: Machine, ...words: string[]): void {
  const [name, ...args] = [...machine.through, 'nft', ...words];
  execFileSync(name!, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Until a machine has paths to all the others. */
export async function allUp(machine: Machine, machines: Machine[]): Promise<void> {
  await until(async () => {
    const paths = await machine.paths();
    return machines.every(({ id }) => id === machine.id || paths[id] === 'active');
  });
}

function prepare({ id, config, runtime }: Machine, uid: number | undefined): void {
  mkdirSync(runtime, { mode: 0o700 });
  if (uid !== undefined) {
    chmodSync(runtime, 0o1777); // as /run/rsm
    chownSync(join(dirname(config), `node-${id}.key`), uid, uid);
  }
  const own = `user = ${uid ?? process.geteuid!()}\nsquash = "none"\n`;
  const text = readFileSync(config, 'utf8').replace('[node]\n', `[node]\nruntime = "${runtime}"\n`);
  writeFileSync(config, text.replace('[gateway]\n', `[gateway]\n${own}`));
}
