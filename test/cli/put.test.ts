/** `rsm put`: standard input or a file into a segment. */
import { randomBytes } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exportIn, memoriesIn } from '../support/actors.ts';
import { rsm, rsmJson, startRsm, startShell } from '../support/rsm.ts';
import { ALICE, BOB, file, peer, root } from '../support/scene.ts';

/** A writable segment with these contents. */
async function writable(contents: string | Uint8Array): Promise<string> {
  return await startRsm(['export', file(contents), '--access', '0:666', '--writable']).firstLine();
}

describe('a segment gets', () => {
  test('what stands in a file, from an offset on', async () => {
    const name = await writable('0123456789');
    expect(await rsm(['put', name, file('abc')])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await rsm(['put', name, '--offset', '7', file('xyz')])).toMatchObject({ code: 0 });
    expect((await rsm(['get', name])).stdout).toBe('abc3456xyz');
  });

  test('what comes by standard input, of any length', async () => {
    const contents = randomBytes(3_000_001);
    const name = await writable(new Uint8Array(contents.length));
    const sum = `rsm get ${name} | cmp - ${file(contents)}`;
    expect(await rsm(['put', name], { input: contents })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await startShell(sum).ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('nothing of an empty input', async () => {
    const name = await writable('abc');
    expect(await rsmJson(['put', name])).toMatchObject({ segment: name, offset: 0, length: 0 });
    expect((await rsm(['get', name])).stdout).toBe('abc');
  });

  test('bytes of whoever may write but not read', async () => {
    const exporter = await peer(root ? { uid: ALICE } : {});
    const id = await exportIn(exporter, { permission: root ? 0o602 : 0o200 });
    const put = await rsm(['put', String(id), file('AB')], root ? { uid: BOB } : {});
    expect(put).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await memoriesIn(exporter))[0]![0]).toBe(0x41);
  });
});

describe('too much', () => {
  test('in a file is refused before anything is written', async () => {
    const name = await writable('0123456789');
    const { code, stderr } = await rsm(['put', name, '--offset', '8', file('abc')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: put: .*3 bytes, and .* has 2 from offset 8 on \(RSMERR_BAD_LENGTH\)\n$/);
    expect((await rsm(['get', name])).stdout).toBe('0123456789');
  });

  test('in standard input is said after what fits was written', async () => {
    const name = await writable('0123456789');
    const { code, stderr } = await rsm(['put', name, '--offset', '8'], { input: 'abc' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: put: .*2 bytes were written.*\(RSMERR_BAD_LENGTH\)\n$/);
    expect((await rsm(['get', name])).stdout).toBe('01234567ab');
  });

  test('is what a file beyond all memory has', async () => {
    const name = await writable('0123456789');
    const path = file('');
    truncateSync(path, 2 ** 40);
    expect(await rsm(['put', name, path])).toMatchObject({ code: 1 });
  });
});

test('a segment that nobody may write to stays as it is', async () => {
  const name = await startRsm(['export', file('abc')]).firstLine();
  const { code, stderr } = await rsm(['put', name, file('x')]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rsm: .*\(RSMERR_PERM_DENIED\)\n$/);
  expect((await rsm(['get', name])).stdout).toBe('abc');
});

test('an input that does not end is ended by SIGINT', async () => {
  const name = await writable('0123456789');
  const putting = startRsm(['put', name], { input: '' });
  putting.child.stdin!.write('ab');
  await expect.poll(async () => (await rsm(['get', name])).stdout, { timeout: 30_000 }).toBe('ab23456789');
  expect(await putting.end('SIGINT')).toEqual({ code: 130, stdout: '', stderr: '' });
});

test('a directory as input gets one sentence', async () => {
  const name = await writable('0123456789');
  const { code, stderr } = await startShell(`rsm put ${name} < /`).ended;
  expect(code).toBe(1);
  expect(stderr).toBe('rsm: standard input is a directory.\n');
});

test('an exporter that goes in the middle is told', async () => {
  const exporter = startRsm(['export', file('0123456789'), '--access', '0:666', '--writable']);
  const name = await exporter.firstLine();
  const putting = startRsm(['put', name], { input: '' });
  putting.child.stdin!.write('ab');
  await expect.poll(async () => (await rsm(['get', name])).stdout, { timeout: 30_000 }).toBe('ab23456789');
  await exporter.end('SIGINT');
  putting.child.stdin!.end('cd');
  const { code, stderr } = await putting.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rsm: .*\(RSMERR_CONN_ABORTED\)\n$/);
});
