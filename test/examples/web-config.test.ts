/** examples/web-config: a cluster serves requests all the time while its configuration is replaced. */
import { existsSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { type Example, example } from '../support/example.ts';

interface Answer {
  version: number;
  limit: number;
  greeting: string;
  pid: number;
}

const WORKERS = 3;

/** Version 1 is the example's own; the others are such that a mixture of two shows. */
const configOf = (version: number) => ({ limit: version * 10, greeting: `${version} `.repeat(version * 20) });

function ask(port: string, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, agent: agent ?? false }, async (response) => {
      const chunks = await response.toArray();
      resolve(JSON.parse(Buffer.concat(chunks).toString()));
    });
    request.on('error', reject);
  });
}

/** Asks through one connection, which stays with one worker, until told to stop. */
async function load(port: string, stop: AbortSignal): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers: Answer[] = [];
  while (!stop.aborted) answers.push(await ask(port, agent));
  agent.destroy();
  return answers;
}

/** Every worker, by asking until each has answered. */
async function everyWorker(port: string): Promise<Answer[]> {
  const answers = new Map<number, Answer>();
  while (answers.size < WORKERS) {
    const answer = await ask(port);
    answers.set(answer.pid, answer);
  }
  return [...answers.values()];
}

async function serving(): Promise<{ server: Example; port: string }> {
  const server = example('web-config/server.mjs', [String(WORKERS)]);
  const [port] = await server.match(/^listening on (\d+)$/);
  return { server, port: port! };
}

test('requests see one configuration or the next, never a mixture, and every worker the last', async () => {
  const { server, port } = await serving();
  const stop = new AbortController();
  const loads = Array.from({ length: 6 }, () => load(port, stop.signal));

  for (let version = 2; version <= 40; version += 1) {
    server.type(JSON.stringify(configOf(version)));
    expect(await server.line()).toBe(`version ${version}`);
    await sleep(5);
  }
  for (const answer of await everyWorker(port))
    expect(answer).toMatchObject({ version: 40, ...configOf(40) });

  stop.abort();
  const seen = new Set<number>();
  for (const answers of await Promise.all(loads)) {
    let before = 0;
    for (const { version, limit, greeting } of answers) {
      seen.add(version);
      expect(version).toBeGreaterThanOrEqual(before);
      if (version > 1) expect({ limit, greeting }).toEqual(configOf(version));
      before = version;
    }
  }
  expect(seen.size, 'the load went on while configurations changed').toBeGreaterThan(2);
  server.finish();
  expect(await server.end()).toEqual({ status: 0, errors: '' });
});

test('a worker that is killed is replaced, and reads the configuration of now', async () => {
  const { server, port } = await serving();
  server.type(JSON.stringify(configOf(2)));
  expect(await server.line()).toBe('version 2');
  const before = await everyWorker(port);
  process.kill(before[0]!.pid, 'SIGKILL');
  while (existsSync(`/proc/${before[0]!.pid}`)) await sleep(10);

  const pids = (answers: Answer[]) => answers.map(({ pid }) => pid);
  const after = await everyWorker(port);
  expect(pids(after)).not.toContain(before[0]!.pid);
  for (const answer of after) expect(answer).toMatchObject({ version: 2, ...configOf(2) });
  server.finish();
  expect(await server.end()).toEqual({ status: 0, errors: '' });
});

test('when the primary is killed no worker stays', async () => {
  const { server, port } = await serving();
  const workers = await everyWorker(port);
  await server.kill();
  for (const { pid } of workers) while (existsSync(`/proc/${pid}`)) await sleep(10);
});

test('a reader whose primary goes while it reads keeps the configuration that it had', async () => {
  const { CONFIG_BYTES, Reader, write } = await import('../../examples/web-config/config.mjs' as string);
  const memory = new ArrayBuffer(CONFIG_BYTES);
  const segment = { connected: true, map: () => memory };
  const change = (version: number) =>
    write(memory, { version, limit: version, greeting: `hello ${version}` });
  const reader = new Reader(segment);
  change(1);
  expect(reader.current).toEqual({ version: 1, limit: 1, greeting: 'hello 1' });

  change(2);
  const slice = Uint8Array.prototype.slice;
  const between = [
    () => change(3),
    () => {
      new Uint8Array(memory).fill(0);
      segment.connected = false;
    },
  ];
  const spy = vi.spyOn(Uint8Array.prototype, 'slice').mockImplementation(function (
    this: Uint8Array,
    ...range
  ) {
    between.shift()?.();
    return slice.apply(this, range) as Uint8Array<ArrayBuffer>;
  });
  const { version, limit, greeting } = reader.current;
  spy.mockRestore();
  expect({ version, limit, greeting }).toEqual({ version: 1, limit: 1, greeting: 'hello 1' });
  expect(between).toEqual([]);
});
