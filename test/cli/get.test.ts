/** `rsm get`: the contents of a segment, to wherever they are wanted. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { exportIn, until } from '../support/actors.ts';
import { rsm, rsmJson, startOnTerminal, startRsm, startShell } from '../support/rsm.ts';
import { file, later, peer } from '../support/scene.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rsm-test-get-'));
  later(() => rmSync(folder, { recursive: true }));
});

/** Publishes these bytes; the name of the segment. */
async function published(contents: string | Uint8Array, ...options: string[]): Promise<string> {
  return await startRsm(['export', file(contents), ...options]).firstLine();
}

describe('a part', () => {
  test('is what --offset and --length say', async () => {
    const name = await published('0123456789');
    for (const [args, expected] of [
      [['--offset', '4'], '456789'],
      [['--length', '3'], '012'],
      [['--offset', '0x2', '--length', '5'], '23456'],
      [['--offset', '10'], ''],
      [['--length', '0'], ''],
    ] as const) {
      expect(await rsm(['get', name, ...args])).toEqual({ code: 0, stdout: expected, stderr: '' });
    }
  });

  test('beyond the contents is refused before anything is written', async () => {
    const name = await published('0123456789');
    const path = join(folder, 'out');
    const offset = await rsm(['get', name, '--offset', '11', '-o', path]);
    expect(offset).toMatchObject({ code: 1, stdout: '' });
    expect(offset.stderr).toMatch(/^rsm: get: .* has 10 bytes; .*\(RSMERR_BAD_OFFSET\)\n$/);
    const length = await rsm(['get', name, '--offset', '4', '--length', '7', '-o', path]);
    expect(length).toMatchObject({ code: 1, stdout: '' });
    expect(length.stderr).toMatch(/^rsm: get: .* has 6 bytes .*\(RSMERR_BAD_LENGTH\)\n$/);
    expect(existsSync(path)).toBe(false);
  });
});

test('of a segment that no rsm published comes as whole pages', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter, { permission: 0o444, readOnly: true, fill: [0x41, 0x42] });
  const { code, stdout } = await rsm(['get', String(id)]);
  expect(code).toBe(0);
  expect(stdout).toBe('A'.repeat(8192));
});

describe('into a file', () => {
  test('has the bytes and nothing else; a longer file is replaced', async () => {
    const contents = randomBytes(3_000_000);
    const name = await published(contents);
    const path = join(folder, 'out');
    writeFileSync(path, randomBytes(4_000_000));
    expect(await rsm(['get', name, '-o', path])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(path).equals(contents)).toBe(true);
  });

  test('that cannot be written gets one sentence', async () => {
    const name = await published('x');
    const { code, stderr } = await rsm(['get', name, '-o', join(folder, 'none', 'out')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: .* cannot be written: no such file or directory \(ENOENT\)\n$/);
  });
});

describe('--json', () => {
  test('has the contents in base64, however many windows they fill', async () => {
    const contents = randomBytes(2_000_000);
    const name = await published(contents);
    const { base64, ...range } = await rsmJson<{ base64: string }>(['get', name]);
    expect(Buffer.from(base64, 'base64').equals(contents)).toBe(true);
    expect(range).toMatchObject({ segment: name, offset: 0, length: 2_000_000 });
  });

  test('names the file where there is one', async () => {
    const name = await published('0123456789');
    const path = join(folder, 'out');
    const document = await rsmJson(['get', name, '--offset', '4', '-o', path]);
    expect(document).toMatchObject({ segment: name, offset: 4, length: 6, file: path });
    expect(readFileSync(path, 'utf8')).toBe('456789');
  });
});

describe('ends', () => {
  test('with a reader that has enough, quietly and well', async () => {
    const name = await published(`first\n${'x'.repeat(20_000_000)}`);
    const line = `set -o pipefail; rsm get ${name} | head -1`;
    expect(await startShell(line).ended).toEqual({ code: 0, stdout: 'first\n', stderr: '' });
  });

  test('with one sentence where the disk is full', async () => {
    const name = await published('x');
    const { code, stderr } = await startShell(`rsm get ${name} > /dev/full`).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: standard output cannot be written: no space left on device \(ENOSPC\)\n$/);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('at %s, even if nobody reads', async (signal, status) => {
    const name = await published(randomBytes(20_000_000));
    const getting = startRsm(['get', name]);
    getting.child.stdout!.pause();
    await until(async () => {
      const { segments } = await rsmJson<{ segments: { segment: string; importerCount: number }[] }>(['ls']);
      return segments.some(({ segment, importerCount }) => segment === name && importerCount === 1);
    });
    getting.child.kill(signal);
    await until(() => getting.child.exitCode !== null);
    expect(getting.child.exitCode).toBe(status);
    getting.child.stdout!.resume();
    expect((await getting.ended).stderr).toBe('');
  });

  test('with a file that is not left half written', async () => {
    const name = await published(randomBytes(200_000_000));
    const path = join(folder, 'out');
    const getting = startRsm(['get', name, '-o', path]);
    await until(() => existsSync(path) || getting.child.exitCode !== null);
    getting.child.kill('SIGINT');
    const { code } = await getting.ended;
    // It may have been done before.
    if (code !== 0) {
      expect(code).toBe(130);
      expect(existsSync(path)).toBe(false);
    }
  });
});

test.each([
  [['0x600000'], 1, 'RSMERR_SEG_NOT_PUBLISHED'],
  [['5:0x600000'], 1, 'RSMERR_CTLR_NOT_PRESENT'],
  [['64:1'], 2, 'from 0 to 63'],
  [['x'], 2, 'NODE:ID or ID'],
  [['0:'], 2, 'NODE:ID or ID'],
  [['-1'], 2, 'NODE:ID or ID'],
  [['-x'], 2, 'unknown option'],
  [['1', '--offset', '1.5'], 2, 'number of bytes'],
  [['1', '--length=-1'], 2, 'number of bytes'],
  [['1', '--length', '9007199254740993'], 2, 'number of bytes'],
])('%j ends with status %i: %s', async (args, status, sentence) => {
  const { code, stdout, stderr } = await rsm(['get', ...args]);
  expect({ code, stdout }).toEqual({ code: status, stdout: '' });
  expect(stderr).toContain(sentence);
});

describe('a terminal', () => {
  test('is shown text', async () => {
    const text = 'one\r\n\tzwei – ✓\n👩‍🔬';
    const { code, stdout } = await startOnTerminal(['get', await published(text)], 80).ended;
    expect(code).toBe(0);
    expect(stdout.replaceAll('\r', '')).toBe(text.replaceAll('\r', ''));
  });

  test.each([
    ['an escape', 'a\u001b[2Jb'],
    ['a bell', 'a\u0007'],
    ['a carriage return', 'good\rbad!'],
    ['a C1 control', 'a\u009b2Jb'],
    ['a change of direction', 'a\u202eb'],
    ['what is no text', new Uint8Array([0x61, 0x9b, 0x62])],
  ])('is not commanded by %s', async (_, contents) => {
    const name = await published(contents);
    const { code, stdout } = await startOnTerminal(['get', name], 80).ended;
    expect(code).toBe(1);
    expect(stdout.trim()).toBe(`rsm: ${name} is not text: write it into a file (-o), or to a pipe.`);
  });
});
