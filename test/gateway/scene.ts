/** Clusters whose nodes are runtime directories of this machine, with their gateways in this process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach } from 'vitest';
import { addNode, initCluster } from '../../src/cluster/index.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/index.ts';
import { GatewayClient, type NodeState } from '../../src/node/index.ts';
import { freePort } from '../support/ports.ts';

/** Each node has its directory from its configuration. */
delete process.env.RSM_RUNTIME_DIR;

const PATIENCE_MS = 25_000;
const folders: string[] = [];
const gateways: Set<Gateway> = new Set();
afterEach(() => {
  for (const gateway of gateways) gateway.close();
  gateways.clear();
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

export function folder(): string {
  folders.push(mkdtempSync(join(tmpdir(), 'rsm-test-')));
  return folders.at(-1)!;
}

export interface TestNode {
  id: number;
  port: number;
  /** Its part of the cluster's directory. */
  folder: string;
  config: string;
  runtime: string;
}

export interface TestCluster {
  folder: string;
  nodes: Map<number, TestNode>;
}

/** @param gatewayLines keys of every [gateway], each with its line end */
export async function cluster(ids: number[], gatewayLines = ''): Promise<TestCluster> {
  const base = folder();
  const made: TestCluster = { folder: join(base, 'cluster'), nodes: new Map() };
  await initCluster(made.folder);
  for (const id of ids) {
    const port = await freePort();
    await addNode(made.folder, { id, address: `127.0.0.1:${port}`, trustedNetwork: false });
    const own = join(made.folder, `node-${id}`);
    const runtime = join(base, `run-${id}`);
    made.nodes.set(id, { id, port, folder: own, config: join(own, 'rsm.toml'), runtime });
  }
  for (const { config, runtime } of made.nodes.values()) {
    edit(config, (text) =>
      text
        .replace('[node]\n', `[node]\nruntime = "${runtime}"\n`)
        .replace('[gateway]\n', `[gateway]\nuser = ${process.geteuid!()}\n${gatewayLines}`),
    );
  }
  return made;
}

export function edit(path: string, change: (text: string) => string): void {
  const text = change(readFileSync(path, 'utf8'));
  writeFileSync(path, text);
}

export interface Started {
  gateway: Gateway;
  /** What it has logged. */
  lines: Record<string, unknown>[];
}

export async function start(node: TestNode, options: Partial<GatewayOptions> = {}): Promise<Started> {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) });
  const gateway = await startGateway({ config: node.config, log, ...options });
  gateways.add(gateway);
  return { gateway, lines };
}

export function stop({ gateway }: Started): void {
  gateways.delete(gateway);
  gateway.close();
}

/** Waits until it is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function client(node: TestNode): GatewayClient {
  const dialed = GatewayClient.dial(node.runtime, process.geteuid!(), PATIENCE_MS);
  if (dialed === undefined) throw new Error(`node ${node.id} has no gateway`);
  return dialed;
}

/** What the gateway of a node says of another one. */
export async function stateOf(node: TestNode, other: number): Promise<NodeState> {
  const asking = client(node);
  const reply = await asking.ask({ type: 'topology' }, PATIENCE_MS);
  asking.close();
  if (reply?.type !== 'topology') throw new Error('no answer');
  return reply.nodes.find((state) => state.node === other)!;
}

export async function linked(node: TestNode, other: TestNode): Promise<void> {
  await until(`node ${node.id} and ${other.id} have a link`, async () => {
    return (await stateOf(node, other.id)).up && (await stateOf(other, node.id)).up;
  });
}
