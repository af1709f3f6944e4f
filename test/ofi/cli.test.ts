/** `rsm` and segments of another node. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { openController } from '../../src/api/index.ts';
import { until } from '../support/actors.ts';
import { type RsmOptions, type Run, rsm, rsmJson, startRsm, startShell } from '../support/rsm.ts';
import { file } from '../support/scene.ts';
import { codeOf, controllerOf, endGateway, exportOn, linked, nodeOf, startGateway, test } from './scene.ts';

/** Of a process on that node. */
const on = (node: number, more: RsmOptions = {}): RsmOptions => ({
  ...more,
  env: { RSM_CONFIG: nodeOf(node).config, RSM_RUNTIME_DIR: '' },
});

/** Publishes on node 1, and both nodes may write; the segment's name. */
async function published(contents: string | Uint8Array): Promise<string> {
  const access = ['--access', '1:666', '--access', '2:666', '--writable'];
  return await startRsm(['export', file(contents), ...access], on(1)).firstLine();
}

const refused = ({ code, stderr }: Run): string => {
  expect(code).toBe(1);
  expect(stderr.split('\n')).toHaveLength(2);
  return stderr;
};

describe('a file', () => {
  test('comes out on the other node as it went in', async () => {
    const contents = randomBytes(5_000_001);
    const name = await published(contents);
    expect(name).toMatch(/^1:0x[0-9a-f]+$/);
    const { stdout } = await startShell(`rsm get ${name} | sha256sum`, on(2)).ended;
    expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(contents).digest('hex'));
  });

  test('is changed from there, and read on its own node', async () => {
    const name = await published('old contents');
    const put = await rsm(['put', name], on(2, { input: 'new' }));
    expect(put).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await rsm(['get', name], on(1))).stdout).toBe('new contents');
  });
});

test('events of one node wake those who wait on the other', async () => {
  const name = await published('x');
  const waiting = startRsm(['wait', name, '--timeout', '600'], on(2));
  await until(async () => (await importersOf(name)).length === 1);
  const { stdout } = await rsm(['importers', name], on(1));
  expect(stdout).toMatch(/^NODE +PID .*\n +2 +- .*\n$/);
  expect(await rsm(['post', name], on(2))).toMatchObject({ code: 0, stderr: '' });
  expect(await waiting.ended).toMatchObject({ code: 0, stderr: '' });
});

async function importersOf(name: string): Promise<{ node: number }[]> {
  return (await rsmJson<{ importers: { node: number }[] }>(['importers', name], on(1))).importers;
}

test('C-082 without a list a segment is of its own node, whichever controller publishes it there', async () => {
  const name = await startRsm(['export', file('own')], on(1)).firstLine();
  expect((await rsm(['get', name], on(1))).stdout).toBe('own');
  expect(refused(await rsm(['get', name], on(2)))).toContain('RSMERR_SEG_NOT_PUBLISHED_TO_NODE');

  const loopback = openController('loopback', { config: nodeOf(1).config });
  const { id } = exportOn(loopback, { access: [] });
  loopback.close();
  const importing = controllerOf(2);
  expect(codeOf(() => importing.connectSync({ node: 1, id, mode: 'r' }))).toBe(
    'RSMERR_SEG_NOT_PUBLISHED_TO_NODE',
  );
});

test('C-082 published by ofi0 without a list it is for every node, as the umask says', async () => {
  const { id } = exportOn(controllerOf(1), { access: [] });
  const importing = controllerOf(2);
  expect(codeOf(() => importing.connectSync({ node: 1, id, mode: 'r' }).close())).toBe('none');
});

describe('what cannot be reached is told with a reason', () => {
  test('a node that no controller leads to', async () => {
    for (const args of [
      ['get', '9:0x600000'],
      ['export', file('x'), '--access', '9:444'],
    ]) {
      expect(refused(await rsm(args, on(1)))).toMatch(/leads to node 9; `rsm topology` .*CTLR_NOT_PRESENT/);
    }
  });

  test('a node of no cluster', async () => {
    const said = refused(await rsm(['get', '1:0x600000'], { env: { RSM_CONFIG: file('') } }));
    expect(said).toMatch(/node 0, .* in no cluster: .* node 1 .*CTLR_NOT_PRESENT/);
  });

  test('what another node has, and its importers', async () => {
    for (const args of [
      ['ls', '1'],
      ['importers', '1:0x600000'],
    ]) {
      expect(refused(await rsm(args, on(2)))).toMatch(/node 1 .*from there.*REMOTE_NODE_UNREACHABLE/);
    }
  });

  test('a gateway that does not run, here or there', async () => {
    const name = await published('x');
    await endGateway(1, 'SIGTERM');
    await until(async () => refused(await rsm(['get', name], on(2))).includes('node 1 '));
    await endGateway(2, 'SIGTERM');
    expect(refused(await rsm(['get', name], on(2)))).toMatch(/`rsm gateway` .*REMOTE_NODE_UNREACHABLE/);
    startGateway(1);
    startGateway(2);
    await linked();
    expect(await rsm(['get', name], on(2))).toEqual({ code: 0, stdout: 'x', stderr: '' });
  });
});
