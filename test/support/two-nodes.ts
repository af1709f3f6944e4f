/**
 * vitest globalSetup of `conformance-ofi0`: two machines of one cluster with their gateways, for all files of the
 * run. Tests run on the second (`another-machine.ts`), and export on the first, which takes no network: the
 * exporting process reaches the gateway of its node by files.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';
import { type Host, type Hosts, makeHosts } from '../../src/cli/demo/hosts.ts';
import { addNode, initCluster } from '../../src/cluster/index.ts';
import { libfabricIsMissing } from './libfabric.ts';
import type { Side } from './plane.ts';
import { freePort } from './ports.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'rsm.js');

/** Without libfabric it makes nothing, and `without-plane.ts` skips all tests. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (libfabricIsMissing) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'rsm-test-plane-'));
  const made = makeHosts(2);
  const gateways: ChildProcess[] = [];
  const remove = (): void => {
    made.end();
    rmSync(folder, { recursive: true });
  };
  process.once('exit', remove); // whoever interrupts vitest gets no teardown; the gateways die with it
  const end = async (): Promise<void> => {
    for (const gateway of gateways) await ended(gateway);
    process.off('exit', remove);
    remove();
  };
  try {
    const [exporting, importing] = await writeCluster(folder, made);
    const [first, second] = made.hosts as [Host, Host];
    gateways.push(startGateway(first, exporting), startGateway(second, importing));
    await Promise.all(gateways.map(linked));
    const { through } = second;
    project.provide('plane', { controller: 'ofi0', exporting, importing, through });
    return end;
  } catch (error) {
    await end();
    throw error;
  }
}

/** Other users take part: only the keys are secret. */
async function writeCluster(folder: string, { hosts, apart }: Hosts): Promise<[Side, Side]> {
  const cluster = join(folder, 'cluster');
  await initCluster(cluster);
  for (const { id, address } of hosts) {
    const port = apart ? 7460 : await freePort(address);
    await addNode(cluster, { id, address: `${address}:${port}`, trustedNetwork: apart });
  }
  for (const open of [folder, cluster]) chmodSync(open, 0o755);
  return hosts.map(({ id }) => {
    const runtime = join(folder, `run-${id}`);
    mkdirSync(runtime);
    chmodSync(runtime, 0o1777);
    const config = join(cluster, `node-${id}`, 'rsm.toml');
    const text = readFileSync(config, 'utf8')
      .replace('[node]\n', `[node]\nruntime = "${runtime}"\n`)
      .replace('[gateway]\n', `[gateway]\nuser = ${process.geteuid!()}\nsquash = "none"\n`);
    writeFileSync(config, text);
    return { node: id, config, runtime };
  }) as [Side, Side];
}

function startGateway({ through }: Host, { config }: Side): ChildProcess {
  const { RSM_RUNTIME_DIR: _, ...env } = process.env; // it would come before what the file says
  const words = [...through, 'setpriv', '--pdeathsig', 'KILL', process.execPath, PROGRAM];
  words.push('gateway', '--config', config!);
  return spawn(words[0]!, words.slice(1), { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Until its log says that it has a link to the other one. */
function linked(gateway: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    createInterface({ input: gateway.stdout! }).on('line', (line) => {
      if (line.includes('"link up"')) resolve();
    });
    gateway.once('exit', (code, signal) => reject(new Error(`a gateway ended with ${signal ?? code}`)));
  });
}

async function ended(gateway: ChildProcess): Promise<void> {
  if (gateway.exitCode !== null || gateway.signalCode !== null) return;
  const gone = once(gateway, 'exit');
  gateway.kill();
  await gone;
}
