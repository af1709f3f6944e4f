/** Ports for the servers of a test. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** One that is free now; the system does not give it to the next who asks. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
