/**
 * Two machines of a cluster, each with its gateway: network namespaces joined by a switch for root, else addresses of
 * loopback. What runs on one is a process of its own, started there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeHosts } from '../dist/cli/demo/hosts.js';
import { addNode, initCluster } from '../dist/cluster/index.js';
import { fabric } from '../dist/native/index.js';
import { C, peerThrough, reference } from './harness.js';
import { freePort } from './ports.js';
import { PLACES } from './proc.js';

const PROGRAM = join(import.meta.dirname, '..', 'dist', 'cli', 'rsm.js');
/** The exporting one, the importing one; bench/reference/apart.h does the same. */
const OF_MACHINES = PLACES[0].processors.toReversed();
/** The reference is compiled against libfabric; ours finds it at run time. */
const WITH_FABRIC = { ...C, options: [...C.options, '-lfabric'] };

/** The provider, or why there is none. */
export function provider() {
  if (!existsSync('/usr/include/rdma/fabric.h'))
    return { reason: 'libfabric-dev is not installed: bench/setup' };
  try {
    const library = fabric().library();
    return 'reason' in library
      ? { reason: `${library.reason}: bench/setup` }
      : { name: fabric().provider('auto') };
  } catch (error) {
    return { reason: `${error.message.split('\n')[0]}: bench/setup` };
  }
}

/**
 * A machine that exports and one that imports:
 *   exporting, importing   { address, through, folder }: of processes there; folder: of its node, with its certificate
 *   inC(name)              a reference that runs on the importing machine, with its far side on the other
 *   tcp                    the same without libfabric
 *   end()
 */
export async function makeMachines({ directory, buildDirectory }) {
  const made = makeHosts(2);
  process.once('exit', made.end);
  const [exporting, importing] = made.hosts.map(({ address, through }, index) => ({
    address,
    // A processor each, as machines have. Left to the scheduler, whether both ends of the cable share one decides more
    // than what is compared.
    through: ['taskset', '-c', String(OF_MACHINES[index]), ...through],
  }));
  const where = [exporting.address, made.apart ? join('/run/netns', exporting.through.at(-1)) : '-'];
  const referenceIn = (name, language) => {
    const run = reference(name, buildDirectory, language, importing.through);
    return (...args) => run(...args, ...where);
  };
  return {
    exporting,
    importing,
    directory,
    apart: made.apart,
    fabric: () => referenceIn('fabric', WITH_FABRIC),
    tcp: () => referenceIn('tcp'),
    end() {
      made.end();
      process.off('exit', made.end);
    },
  };
}

/** The machines as nodes 1 and 2 of a cluster, with their gateways. */
export async function startGateways({ exporting, importing, directory, apart }) {
  const folder = join(mkdtempSync(join(directory, 'cluster-')), 'nodes');
  await initCluster(folder);
  const nodes = [exporting, importing];
  // That of the other questions: it would be the one of both nodes.
  const { RSM_RUNTIME_DIR: _, ...env } = process.env;
  for (const [index, { address }] of nodes.entries()) {
    const port = apart ? 7460 : await freePort(address);
    await addNode(folder, { id: index + 1, address: `${address}:${port}`, trustedNetwork: apart });
  }
  const gateways = nodes.map((machine, index) => {
    machine.folder = join(folder, `node-${index + 1}`);
    machine.config = prepare(machine.folder);
    const [first, ...rest] = [...machine.through, process.execPath, PROGRAM];
    return spawn(first, [...rest, 'gateway', '--config', machine.config], { stdio: 'ignore', env });
  });
  const kill = () => {
    for (const gateway of gateways) gateway.kill('SIGKILL');
  };
  process.once('exit', kill);
  return async () => {
    for (const gateway of gateways) {
      const gone = once(gateway, 'exit');
      gateway.kill('SIGTERM');
      await gone;
    }
    process.off('exit', kill);
  };
}

/** A segment of node 1, its process there, and one on node 2 that is connected to it. */
export async function remotePair(context, length) {
  const machines = await makeMachines(context);
  const endGateways = await startGateways(machines);
  const { exporting, importing } = machines;
  const exporter = await peerThrough(exporting.through, 'remote-exporter', exporting.config, length);
  const importer = await peerThrough(
    importing.through,
    'remote-importer',
    importing.config,
    exporter.ready.id,
  );
  return {
    ...machines,
    exporter,
    importer,
    async end() {
      for (const each of [importer, exporter]) await each.end();
      await endGateways();
      machines.end();
    },
  };
}

/** Its configuration, with a runtime directory of its own and the user that this is. */
function prepare(folder) {
  const config = join(folder, 'rsm.toml');
  const text = readFileSync(config, 'utf8').replace('[node]\n', `[node]\nruntime = "${folder}/run"\n`);
  const user = `[gateway]\nuser = ${process.geteuid()}\nsquash = "none"\n`;
  writeFileSync(config, text.replace('[gateway]\n', user));
  return config;
}
