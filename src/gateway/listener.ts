/** Where other gateways connect: who is not one of them gets no further than the handshake. */
import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { nodeOf } from '../cluster/identity.ts';
import type { Address } from '../node/index.ts';
import type { Credentials } from './credentials.ts';

const HANDSHAKE_MS = 2000;
/** Handshakes under way, of one address and of all: more are hung up on before they cost anything. */
const MOST_FROM_ONE = 8;
const MOST_HANDSHAKES = 256;

export interface ListenerHandlers {
  /** Somebody proved to be that node. Why it is refused all the same. */
  peer(node: number, socket: TLSSocket): string | undefined;
  /** Somebody did not. */
  refused(from: string, why: string): void;
}

export interface Listener {
  /** For handshakes that begin from now on. */
  change(credentials: Credentials): void;
  close(): void;
}

/** Listens. Rejects where the address cannot be had. */
export async function listen(
  address: Address,
  credentials: Credentials,
  handlers: ListenerHandlers,
): Promise<Listener> {
  const shaking = new Map<Socket, string>();
  const server = createServer({
    ...credentials.tls,
    requestCert: true,
    // Refused in `identify`: Node would hang up before anybody can ask who it was, and for what.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.on('connection', (socket: Socket) => {
    const from = socket.remoteAddress ?? 'somebody gone';
    const same = [...shaking.values()].filter((other) => other === from).length;
    if (same >= MOST_FROM_ONE || shaking.size >= MOST_HANDSHAKES) {
      socket.destroy();
      handlers.refused(from, 'too many handshakes at once');
      return;
    }
    shaking.set(socket, from);
    socket.once('close', () => shaking.delete(socket));
  });
  server.on('tlsClientError', (error, socket) => {
    handlers.refused(socket.remoteAddress ?? 'somebody gone', error.message);
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    for (const [raw] of shaking) if (raw.remotePort === socket.remotePort) shaking.delete(raw);
    const from = socket.remoteAddress ?? 'somebody gone';
    socket.on('error', () => {}); // until a link listens; 'close' follows
    const node = identify(socket);
    const why = typeof node === 'string' ? node : handlers.peer(node, socket);
    if (why === undefined) return;
    socket.destroy();
    handlers.refused(from, why);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => resolve());
  });
  return {
    change: ({ tls }) => server.setSecureContext(tls),
    close: () => server.close(),
  };
}

/** The node that it proved to be; else why it did not. */
function identify(socket: TLSSocket): number | string {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'it has no certificate';
  if (!socket.authorized) return `its certificate is refused: ${socket.authorizationError}`;
  return nodeOf(socket.getPeerCertificate()) ?? 'its certificate names no node';
}
