/**
 * Two nodes of one cluster on this machine, their gateways in processes of their own. The test exports on node 1
 * and imports on node 2, both in its own process; peers are for what ends badly.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, test as anyTest, beforeAll } from 'vitest';
import {
  type AccessList,
  allocate,
  type Controller,
  type ExportSegment,
  type ImportSegment,
  openController,
} from '../../src/api/index.ts';
import { addNode, initCluster } from '../../src/cluster/index.ts';
import { GatewayClient } from '../../src/node/index.ts';
import { until } from '../support/actors.ts';
import { libfabricIsMissing } from '../support/libfabric.ts';
import { freePort } from '../support/ports.ts';
import { program } from '../support/rsm.ts';
import { tidy } from '../support/scene.ts';

/** Each node has its directory from its configuration. */
delete process.env.RSM_RUNTIME_DIR;

export const test: typeof anyTest = libfabricIsMissing ? (anyTest.skip as typeof anyTest) : anyTest;

export const LENGTH: number = 64 * 4096;
/** Everybody on both nodes. */
export const EVERYBODY: { node: number; permission: number }[] = [
  { node: 1, permission: 0o666 },
  { node: 2, permission: 0o666 },
];

export interface TestNode {
  id: number;
  config: string;
  runtime: string;
}

const base: string = mkdtempSync(join(tmpdir(), 'rsm-test-'));
const nodes: Map<number, TestNode> = new Map();
const gateways: Map<number, ChildProcess> = new Map();
const disposables: Disposable[] = [];

beforeAll(async () => {
  if (libfabricIsMissing) return;
  const dir = join(base, 'cluster');
  await initCluster(dir);
  for (const id of [1, 2]) {
    await addNode(dir, { id, address: `127.0.0.1:${await freePort()}`, trustedNetwork: false });
    nodes.set(id, { id, config: join(dir, `node-${id}`, 'rsm.toml'), runtime: join(base, `run-${id}`) });
  }
  for (const { config, runtime } of nodes.values()) {
    const text = readFileSync(config, 'utf8')
      .replace('[node]\n', `[node]\nruntime = "${runtime}"\n`)
      .replace('[gateway]\n', `[gateway]\nuser = ${process.geteuid!()}\nsquash = "none"\n`);
    writeFileSync(config, text);
  }
  startGateway(1);
  startGateway(2);
  await linked();
});

afterEach(async () => {
  for (const disposable of disposables.splice(0).reverse()) disposable[Symbol.dispose]();
  await tidy();
});

afterAll(async () => {
  for (const id of [...gateways.keys()]) await endGateway(id, 'SIGKILL');
  rmSync(base, { recursive: true });
});

/** A module that collects garbage at every message, and answers when finalizers have run. */
const COLLECTOR = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
process.on('message', () => {
  runInNewContext('gc')();
  setTimeout(() => process.send('collected'), 10);
});
process.channel.unref();`;

/** It stays for all tests of a file. */
export function startGateway(id: number): void {
  const module = `data:text/javascript,${encodeURIComponent(COLLECTOR)}`;
  const args = ['--import', module, program, 'gateway', '--config', nodeOf(id).config];
  const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  createInterface({ input: gateway.stdout! }).on('line', (line) => {
    log.push({ gateway: id, ...JSON.parse(line) });
  });
  gateways.set(id, gateway);
}

/** What the gateways have logged. */
export const log: ({ gateway: number } & Record<string, unknown>)[] = [];

/** Its gateway collects garbage. */
export async function collectInGateway(id: number): Promise<void> {
  const gateway = gatewayOf(id);
  gateway.send('collect');
  await once(gateway, 'message');
}

/** Ends it, and waits until it has. */
export async function endGateway(id: number, signal: NodeJS.Signals): Promise<void> {
  const gateway = gateways.get(id)!;
  gateways.delete(id);
  if (gateway.exitCode !== null || gateway.signalCode !== null) return;
  const gone = once(gateway, 'exit');
  gateway.kill(signal);
  await gone;
}

export function nodeOf(id: number): TestNode {
  return nodes.get(id)!;
}

/** To stop and continue it. */
export function gatewayOf(id: number): ChildProcess {
  return gateways.get(id)!;
}

const PATIENCE_MS = 30_000;

/** Waits until each gateway has a link to the other. */
export async function linked(): Promise<void> {
  await until(async () => (await isUp(1, 2)) && (await isUp(2, 1)));
}

/** Whether the gateway of a node has a link to that of another. */
export async function isUp(id: number, other: number): Promise<boolean> {
  const client = GatewayClient.dial(nodeOf(id).runtime, process.geteuid!(), PATIENCE_MS);
  const reply = await client?.ask({ type: 'topology' }, PATIENCE_MS);
  client?.close();
  return reply?.type === 'topology' && reply.nodes.some(({ node, up }) => node === other && up);
}

/** Ended with the test. */
export function keep<T extends Disposable>(disposable: T): T {
  disposables.push(disposable);
  return disposable;
}

export function controllerOf(id: number): Controller {
  return keep(openController('ofi0', { config: nodeOf(id).config }));
}

export interface Pair {
  memory: ArrayBuffer;
  bytes: Uint8Array;
  exported: ExportSegment;
  imported: ImportSegment;
  exporting: Controller;
  importing: Controller;
  id: number;
}

export function exportOn(
  exporting: Controller,
  { access = EVERYBODY, ...options }: { access?: AccessList; allowRebind?: boolean; lockOps?: boolean } = {},
): { memory: ArrayBuffer; exported: ExportSegment; id: number } {
  const memory = allocate(LENGTH);
  const exported = keep(exporting.createExport(memory, options));
  return { memory, exported, id: exported.publish({ access }) };
}

/** A segment of node 1, and a connection to it from node 2. */
export function pair(options?: { allowRebind?: boolean; lockOps?: boolean; mode?: 'r' | 'w' | 'rw' }): Pair {
  const exporting = controllerOf(1);
  const importing = controllerOf(2);
  const { memory, exported, id } = exportOn(exporting, options);
  const imported = keep(importing.connectSync({ node: 1, id, mode: options?.mode ?? 'rw' }));
  return { memory, bytes: new Uint8Array(memory), exported, imported, exporting, importing, id };
}

/** The code that a call throws. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}
