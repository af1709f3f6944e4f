/** `rsm demo`: the main job from beginning to end, its bad input, and its early end. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { until } from '../support/actors.ts';
import { type Run, startRsm } from '../support/rsm.ts';
import { leftovers } from '../support/runtime.ts';
import { directory, root } from '../support/scene.ts';

const files = mkdtempSync(join(tmpdir(), 'rsm-test-demo-'));
chmodSync(files, 0o755);
afterAll(() => rmSync(files, { recursive: true, force: true }));

const start = (args: string[], uid?: number) => startRsm(['demo', ...args], uid === undefined ? {} : { uid });

function file(name: string, contents: string | Uint8Array): string {
  const path = join(files, name);
  writeFileSync(path, contents);
  return path;
}

/** What every successful run says. */
function expectWholeStory({ code, stdout, stderr }: Run, importers: number): void {
  expect(stderr).toBe('');
  expect(code).toBe(0);
  for (const title of ['Memory', 'Export', 'Import', 'Put', 'Rebind', 'Destroy', 'pipes']) {
    expect(stdout).toContain(title);
  }
  expect(stdout).toContain(`All ${importers} results agree with the file on disk.`);
  expect(stdout).toContain(`All ${importers} see the new contents through the old mapping.`);
  expect(stdout.match(/RSMERR_CONN_ABORTED/g)).toHaveLength(importers);
  expect(stdout).toMatch(/bytes copied to hand over +none +\d/);
  const tooLong = stdout.split('\n').filter((line) => line.length > 80);
  expect(tooLong, 'lines of more than 80 columns').toEqual([]);
  expect(stdout, 'no colours where nobody sees them').not.toContain('\u001b[');
  expect(leftovers(directory)).toEqual({ claims: [], records: [] });
}

test('the running Node binary, four importers', { timeout: 120_000 }, async () => {
  expectWholeStory(await start([]).ended, 4);
});

test.each([
  ['one byte', 'x', '2'],
  ['less than a page', 'a line of text\n', '3'],
  ['not a multiple of anything', new Uint8Array(1_234_567).map((_, i) => i * 31), '1'],
  ['nothing but zeroes', new Uint8Array(65_536), '4'],
])('a file of %s', async (name, contents, importers) => {
  const path = file(name, contents);
  expectWholeStory(await start([path, '--importers', importers]).ended, Number(importers));
  expect(readFileSync(path).equals(Buffer.from(contents as string)), 'the file is as it was').toBe(true);
});

test.each([
  ['a missing file', () => join(files, 'missing'), 'there is no file'],
  ['an empty file', () => file('empty', ''), 'is empty'],
  ['a directory', () => files, 'is a directory'],
  ['a device', () => '/dev/null', 'is not a regular file'],
  ['a path through a file', () => join(file('plain', 'x'), 'more'), 'there is no file'],
])('%s gets one sentence and exit status 1', async (_, path, sentence) => {
  const { code, stdout, stderr } = await start([path()]).ended;
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain(sentence);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});

test.skipIf(!root)('an unreadable file gets one sentence and exit status 1', async () => {
  const path = file('secret', 'x');
  chmodSync(path, 0o600);
  const { code, stderr } = await start([path], 20_001).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rsm: .*may not read.*\n$/);
});

test.each(['0', '-1', '1.5', 'many', '1000'])(
  '--importers %s is wrong usage: exit status 2',
  async (count) => {
    const { code, stdout, stderr } = await start([`--importers=${count}`]).ended;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('whole number');
  },
);

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s in the middle ends it cleanly: nothing is left', async (signal, status) => {
  const large = join(files, 'large');
  writeFileSync(large, new Uint8Array(64 * 1024 * 1024));
  const { child, ended, said } = start([large]);
  await until(() => said().includes('Import') || child.exitCode !== null);
  const children = childrenOf(child.pid!);
  expect(children).toHaveLength(4);
  // As a terminal does: to everybody in the group.
  process.kill(-child.pid!, signal);
  const { code, stderr } = await ended;
  expect(code).toBe(status);
  expect(stderr).toBe('');
  expect(children.filter(isAlive)).toEqual([]);
  expect(leftovers(directory)).toEqual({ claims: [], records: [] });
});

test('an importer that is killed ends the demo with one sentence', async () => {
  const { child, ended } = start([]);
  await until(() => child.exitCode !== null || childrenOf(child.pid!).length === 4);
  process.kill(childrenOf(child.pid!)[0]!, 'SIGKILL');
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rsm: process \d+ of the demo was lost\.\n$/);
});

test.runIf(existsSync(join(import.meta.dirname, '../../native/build/Release/fabric.node')))(
  'between two nodes, with a file that ends within a page',
  { timeout: 120_000 },
  async () => {
    const path = file(
      'contents',
      new Uint8Array(3_000_001).map((_, i) => i * 7),
    );
    const started = start(['--cluster', path]);
    const { code, stdout, stderr } = await started.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const said of ['rsm cluster init', 'as it is on disk', 'RSMERR_CONN_ABORTED', 'and it is right']) {
      expect(stdout).toContain(said);
    }
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    if (!root) return;
    const namespaces = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    expect(namespaces).not.toContain(`rsm-${started.child.pid}-`);
  },
);
