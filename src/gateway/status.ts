/** `/metrics` and `/healthz`: for programs of this machine only. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import type { Address, NodeState } from '../node/index.ts';
import { listening } from './local.ts';

const SOCKET = 'gateway-http.s';
/** A request and its answer: nobody may keep a connection open for the sake of it. */
const REQUEST_MS = 5000;
const MOST_CONNECTIONS = 64;

/**
 * @param address undefined: a socket in the runtime directory
 * @throws RsmError BAD_CONF: the address cannot be had
 */
export async function serveStatus(
  directory: string,
  address: Address | undefined,
  registry: Registry,
  states: () => NodeState[],
): Promise<Server> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      const reply = (status: number, type: string, body: string) => {
        response.writeHead(status, { 'content-type': type }).end(body);
      };
      const path = request.method === 'GET' ? request.url : undefined;
      if (path === '/healthz') {
        const nodes = states().map(({ node, up, why }) => ({ node, up, why }));
        reply(200, 'application/json', `${JSON.stringify({ status: 'ok', nodes })}\n`);
      } else if (path === '/metrics') {
        registry.metrics().then(
          (text) => reply(200, registry.contentType, text),
          (error: Error) => reply(500, 'text/plain', `${error.message}\n`),
        );
      } else {
        reply(404, 'text/plain', 'There are /metrics and /healthz.\n');
      }
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await open(server, directory, address);
  } catch (cause) {
    throw new RsmError(RSMERR_BAD_CONF, 'gateway', (cause as Error).message, { cause });
  }
  return server;
}

async function open(server: Server, directory: string, address: Address | undefined): Promise<void> {
  if (address === undefined) {
    const path = join(directory, SOCKET);
    rmSync(path, { force: true });
    await listening(server, path);
    chmodSync(path, 0o666);
    return;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
}
