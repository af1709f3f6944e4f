/** `rsm top --web`, the server: who gets in, what the page may do, and readers that come, go and sleep. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admit, isSame, newToken } from '../../src/cli/web/gate.ts';
import type { Tick, Whole } from '../../src/cli/web/messages.ts';
import { MOST_READERS } from '../../src/cli/web/readers.ts';
import { type PageServer, startServer } from '../../src/cli/web/server.ts';
import { until } from '../support/actors.ts';
import { later } from '../support/scene.ts';

const view = { node: 0, directory: '/nowhere', processes: 0, controllers: [], segments: [] };
const sample = {
  timeMs: 0,
  bytesPut: 0,
  bytesGot: 0,
  posts: 0,
  waits: 0,
  rebinds: 0,
  aborts: 0,
  refusals: 0,
};
const tick: Tick = { view, sample: { ...sample, segments: 0, connections: 0 }, happenings: [] };
const whole: Whole = { view, samples: [], happenings: [] };

async function server(port = 0): Promise<PageServer> {
  const started = await startServer(port, () => whole);
  later(() => started.close());
  return started;
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

async function ask(address: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  const { method = 'GET', host = new URL(address).host } = options;
  const asking = request(address, { method, headers: { host }, agent: false });
  asking.end();
  const [response] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode!, headers: response.headers, text };
}

/** A reader of the stream, which may go to sleep. */
async function reader(address: string): Promise<{ socket: Socket; count(event: string): number }> {
  const { port, pathname } = new URL(address);
  const socket = connect(Number(port), '127.0.0.1');
  later(() => socket.destroy());
  socket.on('error', () => {});
  const events: string[] = [];
  let rest = '';
  socket.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop()!.slice(0, 'event: problem'.length);
    events.push(...lines.filter((line) => line.startsWith('event: ')));
  });
  socket.write(`GET ${pathname}events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const count = (event: string): number => events.filter((line) => line === `event: ${event}`).length;
  await until(() => count('whole') === 1);
  return { socket, count };
}

/** More than the kernel keeps for a socket that nobody reads. */
const large: Tick = { ...tick, view: { ...view, directory: 'x'.repeat(8_000_000) } };

describe('who gets in', () => {
  test('the address that is printed leads to the page, and says so of nothing else', async () => {
    const { address } = await server();
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
    const { status, headers, text } = await ask(address);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(text).toContain('<title>rsm top</title>');
    expect((await ask(`${address}elsewhere`)).status).toBe(404);
  });

  test.each([
    ['no token', ''],
    ['another one', `${newToken()}/`],
    ['a shorter one', 'x/'],
    ['a very long one', `${'x'.repeat(4000)}/`],
    ['a favourite icon', 'favicon.ico'],
    ['the stream without it', 'events'],
    ['it as a parameter', '?token=x'],
  ])('%s is refused with one sentence', async (_, path) => {
    const { address } = await server();
    const { status, headers, text } = await ask(new URL(`/${path}`, address).href);
    expect(status).toBe(403);
    expect(text).toMatch(/^[^\n.]*rsm top --web[^\n]*\.\n$/);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  test.each(['attacker.example', '127.0.0.1.attacker.example', 'localhost.', '10.0.0.1', '[::2]'])(
    'a page elsewhere that points its name here (%j) does not get in, although it knows the token',
    async (host) => {
      const { address } = await server();
      const { status, text } = await ask(address, { host });
      expect(status).toBe(403);
      expect(text).not.toContain('<');
    },
  );

  test.each(['localhost:8000', '127.0.0.1', 'LOCALHOST:1', '[::1]:80'])(
    'by ssh -L it is another port, and the same page: %s',
    async (host) => {
      const { address } = await server();
      expect((await ask(address, { host })).status).toBe(200);
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s does nothing', async (method) => {
    const { address } = await server();
    expect(await ask(address, { method })).toMatchObject({ status: 405 });
  });

  test('no request but one with the token leads anywhere', () => {
    const token = newToken();
    void fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (url, host) => {
        fc.pre(!url.includes(token));
        const headers = { host };
        const asked = { url, method: 'GET', headers } as unknown as Parameters<typeof admit>[0];
        expect(admit(asked, token)).toHaveProperty('refused');
        expect(isSame(token, url)).toBe(false);
      }),
    );
  });

  test('only who comes by loopback reaches it', async () => {
    const { address } = await server();
    const socket = connect(Number(new URL(address).port), '127.0.0.2');
    expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('the page', () => {
  test('loads nothing from anywhere, and its policy admits what it has and nothing else', async () => {
    const { headers, text } = await ask((await server()).address);
    expect(text).not.toMatch(/\b(?:src|href|action)\s*=(?!\s*["']?data:)/i);
    const code = text.replaceAll(/\/\*.*?\*\//gs, '');
    expect(code).not.toMatch(/url\(|@import|\bimport\b|https?:\/\/(?!www\.w3\.org)/);
    const policy = String(headers['content-security-policy']);
    const hashOf = (tag: string): string => {
      const [, code] = new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 's').exec(text)!;
      return `${tag}-src 'sha256-${createHash('sha256').update(code!).digest('base64')}'`;
    };
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(hashOf('style'));
    expect(policy).toContain(hashOf('script'));
    expect(policy).not.toMatch(/unsafe|\*|http/);
  });
});

describe('readers', () => {
  test('get all that is remembered, and then look after look', async () => {
    const { address, readers } = await server();
    const { count } = await reader(address);
    readers.tell(tick, () => whole);
    readers.tell(tick, () => whole);
    await until(() => count('tick') === 2);
    expect(count('whole')).toBe(1);
  });

  test('that sleep miss looks, hold up nobody, and get all that is remembered when they wake', async () => {
    const { address, readers } = await server();
    const sleeper = await reader(address);
    const other = await reader(address);
    sleeper.socket.pause();
    const taken = ({ socket }: { socket: Socket }) => socket.bytesRead > large.view.directory.length;
    readers.tell(large, () => whole);
    await until(() => taken(other));
    for (let sent = 2; sent <= 5; sent += 1) {
      await until(() => other.count('tick') === sent - 1);
      readers.tell(tick, () => whole);
    }
    await until(() => other.count('tick') === 5);
    sleeper.socket.resume();
    await until(() => taken(sleeper));
    await until(() => {
      readers.tell(tick, () => whole);
      return sleeper.count('whole') === 2;
    });
    expect(sleeper.count('tick')).toBe(1);
  });

  test('that never wake are let go', async () => {
    const { address, readers } = await server();
    const sleeper = await reader(address);
    sleeper.socket.pause();
    for (let sent = 0; sent < 80; sent += 1) readers.tell(large, () => whole);
    await until(() => readers.count === 0);
  });

  test('that close their window are forgotten, also in the middle of a message', async () => {
    const { address, readers } = await server();
    const all = [await reader(address), await reader(address), await reader(address)];
    expect(readers.count).toBe(3);
    readers.tell(large, () => whole);
    for (const { socket } of all) socket.destroy();
    await until(() => readers.count === 0);
    readers.tell(tick, () => whole);
  });

  test(`are at most ${MOST_READERS}`, async () => {
    const { address } = await server();
    const all = await Promise.all(Array.from({ length: MOST_READERS }, () => reader(address)));
    expect(await ask(`${address}events`)).toMatchObject({ status: 503 });
    all[0]!.socket.destroy();
    await until(async () => (await ask(address)).status === 200);
    await reader(address);
  });

  test('are told the end, and who does not listen is not waited for', async () => {
    const { address, close } = await startServer(0, () => whole);
    const awake = await reader(address);
    const sleeper = await reader(address);
    sleeper.socket.pause();
    await close();
    await until(() => awake.count('end') === 1);
    await expect(ask(address)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('the port', () => {
  test('that is taken is named in one sentence', async () => {
    const { port } = new URL((await server()).address);
    await expect(startServer(Number(port), () => whole)).rejects.toThrow(
      `port ${port} of 127.0.0.1 is taken: name another with --port, or none to get a free one.`,
    );
  });
});
