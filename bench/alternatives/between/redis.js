/** redis-server without persistence over TCP, with the official client: SET and GET on one connection. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { freePort } from '../../ports.js';
import { Missing, packageOf } from '../missing.js';

export const name = 'Redis';

export async function serve(address) {
  if (spawnSync('redis-server', ['--version']).error) throw new Missing('redis-server is not installed');
  const port = await freePort(address);
  const options = ['--bind', address, '--port', String(port), '--protected-mode', 'no'];
  const program = ['--pdeathsig', 'KILL', 'redis-server', ...options, '--save', '', '--appendonly', 'no'];
  const server = spawn('setpriv', program, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('accept connections')) break;
  }
  return { port };
}

export async function open(host, port, bytes) {
  const { createClient, RESP_TYPES } = await packageOf('@redis/client');
  const client = await createClient({ socket: { host, port } })
    .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    .connect();
  const payload = Buffer.alloc(bytes, 'x');
  await client.set('payload', payload);
  return {
    put: () => client.set('payload', payload),
    get: () => client.get('payload'),
  };
}
