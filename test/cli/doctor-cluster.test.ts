/** `rsm doctor` on a node of a cluster. */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { cluster, edit, start, stateOf, stop, type TestNode, until } from '../gateway/scene.ts';
import { rsm } from '../support/rsm.ts';
import { directory } from '../support/scene.ts';

/** Each node has its directory from its configuration. */
delete process.env.RSM_RUNTIME_DIR;

/** What it finds of the cluster, by name. */
async function examine({ config }: TestNode): Promise<{ code: number | null; found: Map<string, Finding> }> {
  const { code, stdout } = await rsm(['doctor', '--json'], {
    env: { RSM_CONFIG: config, RSM_RUNTIME_DIR: '' },
  });
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return { code, found: new Map(findings.map((each) => [each.name, each])) };
}

test('a node that is linked to another one is well, and one that waits for it has a note', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  await start(one);
  const other = await start(two);
  await until('linked', async () => (await stateOf(one, 2)).up);
  const well = await examine(one);
  expect(well.code).toBe(0);
  for (const name of ['certificate', 'gateway', 'node 2'])
    expect(well.found.get(name)).toMatchObject({ state: 'ok' });
  stop(other);
  await until('not linked', async () => !(await stateOf(one, 2)).up);
  const alone = await examine(one);
  expect(alone.code).toBe(0);
  expect(alone.found.get('node 2')).toMatchObject({
    state: 'note',
    mend: expect.stringContaining('ssh 127.0.0.1'),
  });
});

test('a gateway that does not run is a problem, with the command that starts it', async () => {
  const { nodes } = await cluster([1]);
  const { code, found } = await examine(nodes.get(1)!);
  expect(code).toBe(1);
  expect(found.get('gateway')).toMatchObject({
    state: 'problem',
    mend: expect.stringContaining('rsm gateway'),
  });
});

test.runIf(process.getuid!() === 0)(
  'a file of the gateway that is somebody else’s is a problem',
  async () => {
    const node = (await cluster([1])).nodes.get(1)!;
    const lock = join(node.runtime, 'gateway.lock');
    mkdirSync(node.runtime, { mode: 0o1777 });
    writeFileSync(lock, '');
    chownSync(lock, 4711, 4711);
    const { code, found } = await examine(node);
    expect(code).toBe(1);
    expect(found.get('gateway')).toMatchObject({
      state: 'problem',
      says: expect.stringContaining('belongs to uid 4711'),
      mend: expect.stringContaining(`rm ${lock}`),
    });
  },
);

test('a certificate that is none is a problem', async () => {
  const node = (await cluster([1])).nodes.get(1)!;
  await start(node);
  edit(`${node.folder}/node-1.crt`, () => 'nothing');
  const { code, found } = await examine(node);
  expect(code).toBe(1);
  expect(found.get('certificate')).toMatchObject({
    state: 'problem',
    mend: expect.stringContaining('--id 1'),
  });
  expect(found.get('gateway')).toMatchObject({ state: 'ok' });
});

test('a node alone hears nothing of clusters', async () => {
  const { stdout } = await rsm(['doctor'], { env: { RSM_RUNTIME_DIR: directory } });
  expect(stdout).not.toMatch(/gateway|certificate/);
});
