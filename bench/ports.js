/** A TCP port of an address that nobody listens on. */
import { once } from 'node:events';
import { createServer } from 'node:net';

export async function freePort(address) {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
