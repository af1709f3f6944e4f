/** The server of the page: on loopback only, two addresses, both behind the token. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CommandError, systemError } from '../failure.ts';
import { type Document, readDocument } from './document.ts';
import { admit, newToken } from './gate.ts';
import type { Whole } from './messages.ts';
import { MOST_READERS, Readers } from './readers.ts';

const LOOPBACK = '127.0.0.1';

/** Beyond what a browser sends; who sends more, or slowly, is none. */
const LIMITS = { maxHeaderSize: 8192, headersTimeout: 10_000, requestTimeout: 10_000 };

/** Readers, and some who only want the page. */
const MOST_CONNECTIONS = MOST_READERS + 32;

/** Nothing is kept anywhere, and no other page gets at this one. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

export interface PageServer {
  /** With the token: who has it sees the page. */
  readonly address: string;
  readonly readers: Readers;
  close(): Promise<void>;
}

/**
 * @param port 0: a free one
 * @param whole what a new reader is told
 * @throws CommandError: the port is taken, or not for this user
 */
export async function startServer(port: number, whole: () => Whole): Promise<PageServer> {
  const token = newToken();
  const document = readDocument();
  const readers = new Readers();
  const server = createServer(LIMITS, (request, response) => {
    const admission = admit(request, token);
    if ('refused' in admission) refuse(response, admission.status, admission.refused);
    else if (admission.path === '/') sendPage(response, document);
    else if (admission.path === '/events') stream(response, readers, whole);
    else
      refuse(
        response,
        404,
        'There is nothing here: the address of the page ends with its token and a slash.',
      );
  });
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, port);
  const { port: chosen } = server.address() as AddressInfo;
  return {
    address: `http://${LOOPBACK}:${chosen}/${token}/`,
    readers,
    async close() {
      readers.end();
      server.close();
      server.closeIdleConnections();
      // Those who do not take what was sent are not waited for.
      setTimeout(() => server.closeAllConnections(), 100).unref();
      await once(server, 'close');
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen(port, LOOPBACK);
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
      throw systemError(`port ${port} of ${LOOPBACK} cannot be used`, error);
    }
    throw new CommandError(
      `port ${port} of ${LOOPBACK} is taken: name another with --port, or none to get a free one.`,
    );
  }
}

function sendPage(response: ServerResponse, { html, policy }: Document): void {
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy,
  });
  response.end(html);
}

function stream(response: ServerResponse, readers: Readers, whole: () => Whole): void {
  if (readers.count >= MOST_READERS) {
    refuse(response, 503, `${MOST_READERS} windows are open on this page already: close one.`);
    return;
  }
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' });
  readers.add(response, whole());
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, {
    ...HEADERS,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    Connection: 'close',
  });
  response.end(`${sentence}\n`);
}
