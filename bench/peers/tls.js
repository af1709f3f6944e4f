/**
 * One end of a link as gateways have it: mutual TLS 1.3 with the certificate in FOLDER. `server ADDRESS` returns what
 * it is sent; `client ADDRESS PORT` measures COUNT round trips of frames as long as those of a connect.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { caller } from '../alternatives/caller.js';
import { nanosecondsEachAsync, serve } from '../harness.js';

const FRAME_BYTES = 64;
const [folder, role, host, port] = process.argv.slice(2);
const id = /node-(\d+)$/.exec(folder)[1];
const file = (name) => readFileSync(join(folder, name));
const credentials = {
  ca: file('ca.crt'),
  cert: file(`node-${id}.crt`),
  key: file(`node-${id}.key`),
  minVersion: 'TLSv1.3',
};

if (role === 'server') {
  const server = createServer({ ...credentials, requestCert: true }, (socket) => {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('error', () => {});
  });
  server.listen(0, host);
  await once(server, 'listening');
  serve(server.address().port, () => {});
} else {
  const socket = connect({ ...credentials, host, port, checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  const { call, answered } = caller(() => socket.write(Buffer.alloc(FRAME_BYTES)));
  let missing = FRAME_BYTES;
  socket.on('data', ({ length }) => {
    missing -= length;
    if (missing > 0) return;
    missing = FRAME_BYTES;
    answered();
  });
  serve('ready', ({ count }) =>
    nanosecondsEachAsync(count, async (times) => {
      for (let i = 0; i < times; i += 1) await call();
    }),
  );
}
