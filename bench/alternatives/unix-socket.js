/** A stream socket of node:net. Both sides know the lengths, so there is no framing to pay for. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { peer } from '../harness.js';
import { caller } from './caller.js';

export const name = 'unix socket';

export async function open({ directory, bytes, replyBytes }) {
  const path = join(directory, 'unix-socket');
  const other = await peer('answer-unix-socket', path, bytes, replyBytes);
  const socket = connect(path);
  await once(socket, 'connect');
  const payload = Buffer.alloc(bytes, 'x');
  const { call, answered } = caller(() => socket.write(payload));
  let missing = replyBytes;
  socket.on('data', (data) => {
    missing -= data.length;
    if (missing > 0) return;
    missing = replyBytes;
    answered();
  });
  return {
    exchange: call,
    pids: [other.pid],
    async close() {
      socket.destroy();
      await other.end();
    },
  };
}
