/**
 * RSM between two machines, step by step: a cluster, a file read and checked on the other node, an answer
 * written back, other memory under it, a cut cable, and life after that. This process exports, on node 1.
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  allocate,
  type Controller,
  type ExportSegment,
  mapFile,
  openController,
  pageSize,
} from '../../api/index.ts';
import { end } from '../children.ts';
import { CommandError } from '../failure.ts';
import { bytes, duration, paint, say, segmentId, shorten } from '../terminal.ts';
import { type Host, type Hosts, makeHosts } from './hosts.ts';
import { lengthOfFile } from './input.ts';
import { DIGEST_BYTES, digestOf, digestsOfFile } from './parts.ts';
import type { Ask, Said } from './remote.ts';

const RSM = fileURLToPath(new URL('../rsm.js', import.meta.url));
const REMOTE = fileURLToPath(new URL('./remote.js', import.meta.url));
const EXPORTER = 1;
const IMPORTER = 2;
const READ_ONLY = 0o444;
const READ_WRITE = 0o666;
const PATIENCE_MS = 30_000;

interface Node {
  host: Host;
  /** rsm.toml. */
  config: string;
  gateway: ChildProcess;
}

/** What the steps of the story share. */
interface Story {
  hosts: Hosts;
  /** The importing one. */
  node: Node;
  controller: Controller;
  remote: Remote;
  file: ExportSegment;
  results: ExportSegment;
  /** Of the contents of the file; the segment has whole pages. */
  length: number;
}

/** Everything that has to go in the end, last made first. */
const ends: (() => unknown)[] = [];

/** @param path a file */
export async function clusterDemo(path: string): Promise<void> {
  const length = lengthOfFile(path);
  try {
    say(paint('bold', 'Remote Shared Memory between two machines, step by step'));
    await tell(path, length);
  } finally {
    for (const each of ends.splice(0).reverse()) await each();
  }
}

async function tell(path: string, length: number): Promise<void> {
  const hosts = makeHosts(2);
  ends.push(() => hosts.end());
  const nodes = await startCluster(hosts);
  const controller = openController('ofi0', { config: nodes[0]!.config });
  ends.push(() => controller.close());
  await upTo(controller, true);
  say('   rsm topology: node 1 reaches node 2 by ofi0.');
  const { memory, file, results } = publish(controller, path);
  const remote = new Remote(nodes[1]!);
  ends.push(() => remote.end());
  const [onDisk] = digestsOfFile(path, [{ from: 0, to: length }]);
  const story: Story = { hosts, node: nodes[1]!, controller, remote, file, results, length };
  await readThere(story, onDisk!);
  const contents = await rebind(story, memory);
  await cutAndHeal(story, contents);
}

/** With the commands, as people type them. */
async function startCluster(hosts: Hosts): Promise<Node[]> {
  const base = mkdtempSync(join(tmpdir(), 'rsm-demo-'));
  ends.push(() => rmSync(base, { recursive: true }));
  const dir = join(base, 'cluster');
  step(1, 'A cluster');
  const what = hosts.apart
    ? 'two network namespaces joined by a switch'
    : 'two runtime directories of this machine';
  say(`   The machines are ${what}.`);
  const rsm = (...args: string[]) => {
    say(paint('dim', `   $ rsm ${args.join(' ').replace(base, '…')}`));
    execFileSync(process.execPath, [RSM, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  rsm('cluster', 'init', dir);
  const trusted = hosts.apart ? ['--trusted-network'] : [];
  for (const host of hosts.hosts) {
    const port = hosts.apart ? 7460 : await freePort(host.address);
    rsm('cluster', 'add', dir, '--id', `${host.id}`, '--address', `${host.address}:${port}`, ...trusted);
  }
  const nodes: Node[] = [];
  for (const host of hosts.hosts) {
    const config = join(dir, `node-${host.id}`, 'rsm.toml');
    const runtime = join(base, `run-${host.id}`);
    mkdirSync(runtime, { mode: 0o700 });
    prepare(config, runtime);
    say(paint('dim', `   $ rsm gateway --config …/node-${host.id}/rsm.toml &`));
    nodes.push({ host, config, gateway: await startGateway(host, config) });
  }
  return nodes;
}

/** Two nodes on one machine: each says its runtime directory, and that this user runs its gateway. */
function prepare(config: string, runtime: string): void {
  delete process.env.RSM_RUNTIME_DIR; // it would come before what the file says
  const own = `user = ${process.geteuid!()}\nsquash = "none"\n`;
  const text = readFileSync(config, 'utf8').replace('[node]\n', `[node]\nruntime = "${runtime}"\n`);
  writeFileSync(config, text.replace('[gateway]\n', `[gateway]\n${own}`));
}

async function startGateway({ through }: Host, config: string): Promise<ChildProcess> {
  const [program, ...args] = [...through, process.execPath, RSM, 'gateway', '--config', config];
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  ends.push(() => ended(child));
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.includes('the gateway runs')) break;
  }
  if (child.exitCode !== null) throw new CommandError('a gateway did not start.');
  child.stdout!.resume();
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  await gone;
}

function publish(controller: Controller, path: string) {
  const begin = performance.now();
  const memory = mapFile(path);
  const file = controller.createExport(memory, { allowRebind: true });
  ends.push(() => file.close());
  file.publish({ access: [{ node: IMPORTER, permission: READ_ONLY }] });
  const results = controller.createExport(allocate(pageSize()));
  ends.push(() => results.close());
  results.publish({ access: [{ node: IMPORTER, permission: READ_WRITE }] });
  step(2, 'Export on node 1');
  say(`   ${shorten(path, 74)}`);
  say(
    `   ${bytes(memory.byteLength)}, read from disk and published in ${duration(performance.now() - begin)}, as`,
  );
  say(`   segment ${segmentId(file.id!)}: node 2 may read it. Segment ${segmentId(results.id!)} takes`);
  say('   the answer; there node 2 may write.');
  return { memory, file, results };
}

async function readThere({ remote, file, results, length }: Story, expected: Buffer): Promise<void> {
  step(3, 'Read on node 2');
  const { timeMs, ownerPid } = await remote.connect(file, results);
  say(`   Process ${remote.pid} on node 2 connected to process ${ownerPid} here in ${duration(timeMs)}.`);
  const { digest, timeMs: readMs } = await remote.ask({ kind: 'read', length });
  check(expected, digest);
  const rate = bytes((length / readMs) * 1000);
  say(`   It read all of it in one barrier, ${duration(readMs)}, ${rate} a second with`);
  say(`   hashing: SHA-256 ${paint('cyan', `${digest.slice(0, 16)}…`)}, as it is on disk.`);
  step(4, 'Write back');
  await answered(remote, results, expected);
  say('   It put the digest into the other segment and posted an event: this process');
  say('   woke up and found it in its memory.');
}

async function answered(remote: Remote, results: ExportSegment, expected: Buffer): Promise<void> {
  const woken = results.wait({ timeoutMs: PATIENCE_MS });
  await remote.ask({ kind: 'answer' });
  await woken;
  check(expected, Buffer.from(results.memory, 0, DIGEST_BYTES).toString('hex'));
}

/** The digest of what is there now. */
async function rebind({ remote, file, results, length }: Story, memory: ArrayBuffer): Promise<Buffer> {
  const fresh = allocate(memory.byteLength);
  const [from, to] = [new Uint8Array(memory), new Uint8Array(fresh)];
  for (let index = 0; index < from.length; index += 1) to[index] = ~from[index]!;
  const begin = performance.now();
  file.rebind(fresh);
  const timeMs = performance.now() - begin;
  step(5, 'Rebind');
  say(`   Other memory, every byte inverted, is under the same segment in ${duration(timeMs)}.`);
  const { digest } = await remote.ask({ kind: 'read', length });
  const expected = digestOf(to);
  check(expected, digest);
  await answered(remote, results, expected);
  say(`   Node 2 read that over the connection it had: ${paint('cyan', `${digest.slice(0, 16)}…`)}`);
  return expected;
}

async function cutAndHeal(story: Story, expected: Buffer): Promise<void> {
  const { hosts, node, controller, remote, file, results, length } = story;
  step(6, hosts.apart ? 'Cut the cable' : 'Stop the gateway of node 2');
  const failing = remote.ask({ kind: 'until-it-fails' });
  const begin = performance.now();
  if (hosts.apart) hosts.cut(node.host);
  else node.gateway.kill('SIGSTOP');
  const { code, good } = await failing;
  say(
    `   Node 2 kept putting: ${good} went well, then, after ${duration(performance.now() - begin)}: ${code}.`,
  );
  await upTo(controller, false);
  while (file.importers + results.importers > 0) await pause();
  say('   Here the importer is gone, and the path is down.');
  step(7, 'Heal it');
  if (hosts.apart) hosts.heal(node.host);
  else node.gateway.kill('SIGCONT');
  const healed = performance.now();
  await upTo(controller, true);
  await remote.connect(file, results);
  say(`   Connected anew after ${duration(performance.now() - healed)}; nothing was restarted.`);
  const { digest } = await remote.ask({ kind: 'read', length });
  check(expected, digest);
  await answered(remote, results, expected);
  say('   It read the file again, and it is right.');
}

/** Until node 1 has that path, or has it no more. */
async function upTo(controller: Controller, active: boolean): Promise<void> {
  const ACTIVE = 3;
  const deadline = performance.now() + PATIENCE_MS;
  const isSo = () => (controller.topology().controllers[0]?.remotes[0]?.state === ACTIVE) === active;
  while (!isSo()) {
    if (performance.now() > deadline) throw new CommandError('the gateways do not find each other.');
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** The importing process. */
class Remote {
  readonly #child: ChildProcess;

  constructor({ host: { through }, config }: Node) {
    const [execPath = process.execPath, ...rest] = through;
    const execArgv = through.length > 0 ? [...rest, process.execPath] : [];
    const env = { ...process.env, RSM_CONFIG: config };
    this.#child = fork(REMOTE, [], { execPath, execArgv, env, detached: true });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  connect(file: ExportSegment, results: ExportSegment): Promise<Said['connect']> {
    return this.ask({ kind: 'connect', node: EXPORTER, file: file.id!, results: results.id! });
  }

  async ask<K extends Ask['kind']>(question: Extract<Ask, { kind: K }>): Promise<Said[K]> {
    this.#child.send(question);
    const lost = once(this.#child, 'exit').then(() => [{ failed: 'it ended' }]);
    const [answer] = (await Promise.race([once(this.#child, 'message'), lost])) as [
      { said?: Said[K]; failed?: string },
    ];
    if (answer.said === undefined) throw new CommandError(`the process on node 2 failed: ${answer.failed}`);
    return answer.said;
  }

  async end(): Promise<void> {
    await end(this.#child);
  }
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function check(expected: Buffer, found: string): void {
  if (expected.toString('hex') !== found) throw new CommandError('what was read is not what was exported.');
}

function step(number: number, title: string): void {
  say();
  say(` ${paint('green', String(number))} ${paint('bold', title)}`);
}
