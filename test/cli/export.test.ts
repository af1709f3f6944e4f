/** `rsm export`: a file as a segment, for as long as the command runs. */
import { createHash, randomBytes } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { openController } from '../../src/api/index.ts';
import { rsm, startOnTerminal, startRsm, startShell } from '../support/rsm.ts';
import { leftovers } from '../support/runtime.ts';
import { ALICE, BOB, directory, file, later, root } from '../support/scene.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What the exporter of this test has of the node; that of this test process is no business of it. */
function published(): string[] {
  return leftovers(directory).claims;
}

describe('a file', () => {
  test.each([0, 1, 31, 4063, 4064, 4065, 4096, 8192, 5_000_001])(
    'of %i bytes comes out as it went in',
    async (length) => {
      const contents = randomBytes(length);
      const exporter = startRsm(['export', file(contents)]);
      const name = await exporter.firstLine();
      expect(name).toMatch(/^0:0x[0-9a-f]+$/);
      const { stdout } = await startShell(`rsm get ${name} | sha256sum`).ended;
      expect(stdout.split(' ')[0]).toBe(sha256(contents));
      expect(await exporter.end('SIGINT')).toEqual({ code: 0, stdout: `${name}\n`, stderr: '' });
      expect(published()).toEqual([]);
    },
  );

  test('that looks like the footer of another one comes out as it went in', async () => {
    const footer = Buffer.alloc(4096);
    footer.write('rsm:file-length\n', 4064, 'latin1');
    footer.writeBigUInt64LE(5n, 4080);
    footer.writeBigUInt64LE(~5n & 0xffff_ffff_ffff_ffffn, 4088);
    const exporter = startRsm(['export', file(footer)]);
    const { stdout } = await startShell(`rsm get ${await exporter.firstLine()} | sha256sum`).ended;
    expect(stdout.split(' ')[0]).toBe(sha256(footer));
  });

  test('beyond memory is refused with a clear error, and nothing is published', async () => {
    const path = file('');
    truncateSync(path, 4 * totalmem());
    const { code, stdout, stderr } = await rsm(['export', path]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^rsm: export: \S+ has .*iB, more .*\(RSMERR_(INSUFFICIENT_MEM|BAD_LENGTH)\)\n$/);
    expect(published()).toEqual([]);
  });

  test('that changes afterwards does not change the segment', async () => {
    const path = file('before');
    const name = await startRsm(['export', path]).firstLine();
    writeFileSync(path, 'after!');
    expect((await rsm(['get', name])).stdout).toBe('before');
  });
});

describe('the segment', () => {
  test('has the id and the access list that were asked for, and nobody may write', async () => {
    const exporter = startRsm(['export', file('x'), '--id', '0x600000', '--access', '0:440', '--json']);
    expect(JSON.parse(await exporter.firstLine())).toMatchObject({
      segment: '0:0x600000',
      node: 0,
      id: 0x600000,
      contentLength: 1,
      byteLength: 4096,
    });
    const controller = openController();
    later(() => controller.close());
    expect(() => controller.connectSync({ id: 0x600000, mode: 'rw' })).toThrow('RSMERR_PERM_DENIED');
    controller.connectSync({ id: 0x600000, mode: 'r' }).close();
  });

  test.skipIf(!root)('is closed to users whom the access list does not name', async () => {
    const exporter = startRsm(['export', file('x'), '--access', '0:600', '--writable'], { uid: ALICE });
    const name = await exporter.firstLine();
    expect((await rsm(['get', name], { uid: ALICE })).stdout).toBe('x');
    const { code, stderr } = await rsm(['get', name], { uid: BOB });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: .*\(RSMERR_PERM_DENIED\)\n$/);
  });

  test('is withdrawn by SIGTERM and SIGHUP, too', async () => {
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      const exporter = startRsm(['export', file('x')]);
      await exporter.firstLine();
      expect(await exporter.end(signal)).toMatchObject({ code: 0, stderr: '' });
      expect(published()).toEqual([]);
    }
  });

  test('with an id that is taken is refused, and the one that has it stays', async () => {
    const first = startRsm(['export', file('first'), '--id', '0x600000']);
    await first.firstLine();
    const { code, stderr } = await rsm(['export', file('second'), '--id', '0x600000']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: .*0x0*600000 is published already \(RSMERR_SEGID_IN_USE\)\n$/);
    expect((await rsm(['get', '0x600000'])).stdout).toBe('first');
  });
});

test.each([
  [[], 'missing required argument'],
  [['--id', 'x', 'FILE'], '32 bits'],
  [['--id', '0x100000000', 'FILE'], '32 bits'],
  [['--access', '640', 'FILE'], 'NODE:PERM'],
  [['--access', '64:640', 'FILE'], 'from 0 to 63'],
  [['--access', '0:648', 'FILE'], 'NODE:PERM'],
  [['--access', '0:640', 'FILE'], '--writable'],
  [['--acess', '0:644', 'FILE'], 'Did you mean --access?'],
])('%j is wrong usage', async (args, sentence) => {
  const path = file('x');
  const { code, stdout, stderr } = await rsm(['export', ...args.map((arg) => arg.replace('FILE', path))]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(sentence);
});

test.each([
  ['a missing file', '/nowhere/x', 'no such file or directory (ENOENT)'],
  ['a directory', '/', 'is a directory'],
  ['a device', '/dev/zero', 'not a regular file'],
])('%s gets one sentence', async (_, path, sentence) => {
  const { code, stdout, stderr } = await rsm(['export', path]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^rsm: .*\n$/);
  expect(stderr).toContain(sentence);
});

test('on a terminal it says what goes on, and Ctrl-C ends it', async () => {
  const exporter = startOnTerminal(['export', file('x')], 80);
  await exporter.firstLine();
  await expect.poll(exporter.said, { timeout: 20_000 }).toContain('Ctrl-C ends it');
  exporter.child.stdin!.write('\u0003');
  expect((await exporter.ended).code).toBe(0);
  expect(published()).toEqual([]);
});
