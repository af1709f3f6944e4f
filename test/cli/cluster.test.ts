/** The commands of a cluster, in real processes: two nodes of this machine. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../support/actors.ts';
import { freePort } from '../support/ports.ts';
import { rsm, rsmJson, type Started, startRsm } from '../support/rsm.ts';
import { later } from '../support/scene.ts';

interface Node {
  config: string;
  runtime: string;
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'rsm-test-'));
  later(() => rmSync(made, { recursive: true }));
  return made;
}

/** Nodes 1 and 2 of a cluster that the commands made, the runtime directories said in their files. */
async function cluster(): Promise<[Node, Node]> {
  const base = folder();
  const dir = join(base, 'cluster');
  expect(await rsm(['cluster', 'init', dir])).toMatchObject({ code: 0, stderr: '' });
  const made = [1, 2].map((id) => ({
    config: join(dir, `node-${id}`, 'rsm.toml'),
    runtime: join(base, `run-${id}`),
  }));
  for (const id of ['1', '2']) {
    const address = `127.0.0.1:${await freePort()}`;
    const { code, stdout } = await rsm(['cluster', 'add', dir, '--id', id, '--address', address]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/certificate is good until \d{4}-\d\d-\d\d\./);
  }
  for (const { config, runtime } of made) {
    const text = readFileSync(config, 'utf8').replace('[node]\n', `[node]\nruntime = "${runtime}"\n`);
    writeFileSync(config, text.replace('[gateway]\n', `[gateway]\nuser = ${process.getuid!()}\n`));
  }
  return made as [Node, Node];
}

/** A gateway of these does not start without it. */
const withFabric = test.runIf(
  existsSync(join(import.meta.dirname, '../../native/build/Release/fabric.node')),
);

/** RSM_RUNTIME_DIR would come before what the file says. */
function on({ config }: Node): { env: Record<string, string> } {
  return { env: { RSM_CONFIG: config, RSM_RUNTIME_DIR: '' } };
}

async function gateway(node: Node): Promise<Started> {
  const started = startRsm(['gateway'], on(node));
  expect(JSON.parse(await started.firstLine())).toMatchObject({ level: 'info', msg: 'the gateway runs' });
  return started;
}

async function pathState(node: Node): Promise<string> {
  type Paths = { paths: { controller: string; node: number; state: string }[] };
  const { paths } = await rsmJson<Paths>(['topology'], on(node));
  const { node: other, state } = paths.find(({ controller }) => controller === 'ofi0')!;
  return `${other} ${state}`;
}

function ask(node: Node, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(node.runtime, 'gateway-http.s'), path }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end();
  });
}

withFabric(
  'init, add and gateway make a cluster; topology shows its paths, also after a gateway was killed',
  async () => {
    const [one, two] = await cluster();
    expect(await pathState(one)).toBe('2 inactive');
    await gateway(one);
    let other = await gateway(two);
    await until(async () => (await pathState(one)) === '2 active');
    expect(await pathState(two)).toBe('1 active');
    expect(JSON.parse(await ask(one, '/healthz'))).toMatchObject({
      status: 'ok',
      nodes: [{ node: 2, up: true }],
    });
    const metrics = await ask(one, '/metrics');
    expect(metrics).toMatch(/^rsm_gateway_link_up\{node="2"\} 1$/m);
    expect(metrics).toMatch(/^rsm_gateway_certificate_expires_seconds \d/m);
    expect(await ask(one, '/etc/passwd')).toBe('There are /metrics and /healthz.\n');
    await other.end('SIGKILL');
    await until(async () => (await pathState(one)) === '2 inactive');
    other = await gateway(two);
    await until(async () => (await pathState(one)) === '2 active');
  },
);

withFabric('a gateway ends well when it is told to, and leaves nothing to listen on', async () => {
  const [one] = await cluster();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const running = await gateway(one);
    const { code, stdout, stderr } = await running.end(signal);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({ msg: 'the gateway ends' });
    expect(existsSync(join(one.runtime, 'gateway.s'))).toBe(false);
  }
});

withFabric('a second gateway of a node is refused, and the first works on', async () => {
  const [one, two] = await cluster();
  await gateway(one);
  const { code, stderr } = await rsm(['gateway'], on(one));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rsm: gateway: .*this node has a gateway already/);
  await gateway(two);
  await until(async () => (await pathState(one)) === '2 active');
});

withFabric.each<[string, (node: Node) => void, RegExp]>([
  ['its key is open to others', (node) => chmodSync(keyOf(node), 0o644), /chmod 600/],
  [
    'its certificate is another node’s',
    (node) => edit(node, 'id = 1', 'id = 9'),
    /is not the certificate of node 9/,
  ],
  ['it is another user', (node) => edit(node, /user = \d+/, 'user = 4711'), /exporters believe uid 4711/],
  [
    'it is in no cluster',
    (node) => writeFileSync(node.config, '[node]\nid = 1\n'),
    /no \[gateway\]; rsm cluster add/,
  ],
  [
    'its address is taken',
    (node) => edit(node, /listen = ".*"/, 'listen = "203.0.113.1:7460"'),
    /EADDRNOTAVAIL/,
  ],
])('a gateway does not start where %s, and says so', async (_name, spoil, sentence) => {
  const [one] = await cluster();
  spoil(one);
  const { code, stdout, stderr } = await rsm(['gateway'], on(one));
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(sentence) });
  expect(stdout.split('\n').filter((line) => line.includes('runs'))).toEqual([]);
});

function keyOf({ config }: Node): string {
  return config.replace('rsm.toml', 'node-1.key');
}

function edit({ config }: Node, from: string | RegExp, to: string): void {
  writeFileSync(config, readFileSync(config, 'utf8').replace(from, to));
}

test.each([
  [['cluster', 'init'], "missing required argument 'directory'"],
  [['cluster', 'add', 'x', '--id', '1'], "required option '--address <host:port>' not specified"],
  [['cluster', 'add', 'x', '--id', '64', '--address', 'a:1'], 'A node is a number from 0 to 63.'],
  [['cluster', 'add', 'x', '--id', '1', '--address', '0.0.0.0:1'], 'HOST:PORT, and no wildcard'],
  [['cluster', 'add', 'x', '--id', '1', '--address', '[::]:1'], 'HOST:PORT, and no wildcard'],
  [['cluster', 'add', 'x', '--id', '1', '--address', 'a'], 'HOST:PORT, and no wildcard'],
  [['cluster', 'add', 'x', '--id', '1', '--address', 'a:65536'], 'HOST:PORT, and no wildcard'],
])('%j is wrong usage', async (args, sentence) => {
  const { code, stderr } = await rsm(args);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(sentence) });
});

test('what is there already is never overwritten', async () => {
  const dir = join(folder(), 'cluster');
  await rsm(['cluster', 'init', dir]);
  const add = ['cluster', 'add', dir, '--id', '1', '--address', 'a:1', '--json'];
  const { stdout } = await rsm(add);
  expect(JSON.parse(stdout)).toMatchObject({ node: 1, directory: join(dir, 'node-1'), peers: [] });
  expect(await rsm(['cluster', 'init', dir])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/already/),
  });
  expect(await rsm(add)).toMatchObject({ code: 1, stderr: expect.stringMatching(/already/) });
});
