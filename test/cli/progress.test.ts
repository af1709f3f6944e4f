/** How far a transfer is: on a terminal, and where it takes a while. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { rsm, startRsm, startShell, startShellOnTerminal } from '../support/rsm.ts';
import { file } from '../support/scene.ts';

const BYTES = 5_000_000;
const SHOW = '\u001b[?25h';
const HIDE = '\u001b[?25l';

/** A segment that takes and gives so many bytes. */
async function segment(): Promise<string> {
  const options = ['--access', '0:666', '--writable'];
  return await startRsm(['export', file(randomBytes(BYTES)), ...options]).firstLine();
}

/** Reads a little, waits longer than anybody's patience, and reads on. */
const SLOWLY = '{ head -c 100000; sleep 1; cat; } > /dev/null';

test('of a get to a pipe: a bar, with the rate and the time that is left', async () => {
  const { code, stdout } = await startShellOnTerminal(`rsm get ${await segment()} | ${SLOWLY}`, 80).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/[█░]+ \d+% {2}[\d.]+ (KiB|MiB) of 4\.8 MiB {2}[\d.]+ [KM]iB\/s {2}[\d.]+ m?s left/);
  // The cursor is back, and the bar is gone.
  expect(stdout.lastIndexOf(SHOW)).toBeGreaterThan(stdout.lastIndexOf(HIDE));
});

test('of a put of nobody knows how much: bytes and the rate', async () => {
  const input = `{ head -c 100000 /dev/zero; sleep 1; head -c 200000 /dev/zero; }`;
  const { code, stdout } = await startShellOnTerminal(`${input} | rsm put ${await segment()}`, 80).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/[\d.]+ KiB {2}[\d.]+ KiB\/s/);
  expect(stdout).not.toContain('%');
  expect(stdout).toContain('293.0 KiB written to 0:');
});

test('is taken away, and the cursor is back, where the reader has enough', async () => {
  // Most of it, slowly, so that there is a bar when it stops.
  const reader = '{ head -c 100000; sleep 1; head -c 3000000; } > /dev/null';
  const { stdout } = await startShellOnTerminal(`rsm get ${await segment()} | ${reader}`, 80).ended;
  expect(stdout).toContain(HIDE);
  expect(stdout.lastIndexOf(SHOW)).toBeGreaterThan(stdout.lastIndexOf(HIDE));
});

test('is nowhere but on a terminal, and not for what is quick', async () => {
  const name = await segment();
  expect(await startShell(`rsm get ${name} | ${SLOWLY}`).ended).toEqual({ code: 0, stdout: '', stderr: '' });
  expect((await rsm(['get', name, '-o', '/dev/null'])).stderr).toBe('');
});
