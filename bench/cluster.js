/** Two nodes of a cluster on loopback, each with its gateway; undefined where libfabric is not here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { allocate, openController } from '../dist/api/index.js';
import { addNode, initCluster } from '../dist/cluster/index.js';
import { fabric } from '../dist/native/index.js';
import { C } from './harness.js';

const PROGRAM = join(import.meta.dirname, '..', 'dist', 'cli', 'rsm.js');
/** The reference is compiled against libfabric; ours finds it at run time. */
export const WITH_FABRIC = { ...C, options: ['-lfabric'] };

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

/** A segment of node 1, and a connection to it from node 2, both in this process. */
export async function remotePair(directory, length) {
  const nodes = await makeNodes(join(mkdtempSync(join(directory, 'cluster-')), 'nodes'));
  // That of the other questions: it would be the one of both nodes.
  const { RSM_RUNTIME_DIR } = process.env;
  delete process.env.RSM_RUNTIME_DIR;
  const gateways = nodes.map(({ config }) =>
    spawn(process.execPath, [PROGRAM, 'gateway', '--config', config], { stdio: 'ignore' }),
  );
  const kill = () => {
    for (const gateway of gateways) gateway.kill('SIGKILL');
  };
  process.once('exit', kill);
  const [exporting, importing] = nodes.map(({ config }) => openController('ofi0', { config }));
  process.env.RSM_RUNTIME_DIR = RSM_RUNTIME_DIR;
  const memory = allocate(length);
  const exported = exporting.createExport(memory, { lockOps: true });
  const id = exported.publish({ access: [{ node: 2, permission: 0o666 }] });
  return {
    exported,
    imported: await connect(importing, id),
    async end() {
      for (const each of [importing, exporting]) each[Symbol.dispose]();
      for (const gateway of gateways) {
        const gone = once(gateway, 'exit');
        gateway.kill('SIGTERM');
        await gone;
      }
      process.off('exit', kill);
    },
  };
}

async function makeNodes(folder) {
  await initCluster(folder);
  const ids = [1, 2];
  for (const id of ids) {
    await addNode(folder, { id, address: `127.0.0.1:${await freePort()}`, trustedNetwork: false });
  }
  return ids.map((id) => {
    const config = join(folder, `node-${id}`, 'rsm.toml');
    const lines = `[node]\nruntime = "${folder}-run-${id}"\n`;
    const text = readFileSync(config, 'utf8').replace('[node]\n', lines);
    writeFileSync(
      config,
      text.replace('[gateway]\n', `[gateway]\nuser = ${process.geteuid()}\nsquash = "none"\n`),
    );
    return { config };
  });
}

async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Once the gateways have a link. */
async function connect(controller, id) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await controller.connect({ node: 1, id, mode: 'rw' });
    } catch (error) {
      if (!error.retryable || tries > 1000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
