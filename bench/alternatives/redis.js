/**
 * redis-server without persistence, by its unix socket, with the official client. The server itself answers
 * the short request (ECHO), so no second process has to be woken: two that talk through it pay more. A long
 * payload is set, and got by another connection.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Missing, packageOf } from './missing.js';

export const name = 'Redis';
const ECHOED_BYTES = 4096;

export async function open({ directory, bytes }) {
  if (spawnSync('redis-server', ['--version']).error) throw new Missing('redis-server is not installed');
  const { createClient, RESP_TYPES } = await packageOf('@redis/client');
  const path = join(directory, 'redis');
  const server = await startServer(path);
  const connect = () =>
    createClient({ socket: { path } })
      .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
      .connect();
  const [writer, reader] = [await connect(), await connect()];
  const payload = Buffer.alloc(bytes, 'x');
  await writer.set('payload', payload);
  const handOver = async () => {
    await writer.set('payload', payload);
    await reader.get('payload');
  };
  return {
    exchange: bytes > ECHOED_BYTES ? handOver : () => writer.echo(payload),
    read: () => reader.get('payload'),
    pids: [server.pid],
    async close() {
      writer.destroy();
      reader.destroy();
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

async function startServer(path) {
  const options = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => server.kill('SIGKILL'));
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('accept connections')) break;
  }
  return server;
}
