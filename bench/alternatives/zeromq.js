/** zeromq.js over ipc, as a pair of sockets: the quickest pattern for two that take turns. */
import { join } from 'node:path';
import { peer } from '../harness.js';
import { packageOf } from './missing.js';

export const name = 'ZeroMQ';

export async function open({ directory, bytes, replyBytes }) {
  const { Pair } = await packageOf('zeromq');
  const address = `ipc://${join(directory, 'zeromq')}`;
  const socket = new Pair();
  await socket.bind(address);
  const other = await peer('answer-zeromq', address, replyBytes);
  const payload = Buffer.alloc(bytes, 'x');
  return {
    async exchange() {
      await socket.send(payload);
      await socket.receive();
    },
    pids: [other.pid],
    async close() {
      await other.end();
      socket.close();
    },
  };
}
