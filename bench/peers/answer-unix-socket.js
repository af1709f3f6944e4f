/** The other side of alternatives/unix-socket.js: PATH BYTES REPLY_BYTES. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { serve } from '../harness.js';

const [path, bytes, replyBytes] = process.argv.slice(2);
const reply = Buffer.alloc(Number(replyBytes), 'x');
rmSync(path, { force: true });
const server = createServer((socket) => {
  let missing = Number(bytes);
  socket.on('data', (data) => {
    missing -= data.length;
    if (missing > 0) return;
    missing = Number(bytes);
    socket.write(reply);
  });
});
server.listen(path);
await once(server, 'listening');
serve('ready', () => {});
