/** Every question of bench/ runs, with parameters so small that its figures mean nothing. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const bench = join(import.meta.dirname, '..', '..', 'bench');
const questions = readdirSync(join(bench, 'questions')).map((file) => parse(file).name);

function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [join(bench, 'run.js'), ...args]);
}

test.each(questions)(
  'bench %s gives figures beside a reference or a limit',
  { timeout: 120_000 },
  async (name) => {
    const { stdout, stderr } = await run(name, '--smoke');
    expect(stderr).toBe('');
    expect(stdout).toMatch(new RegExp(`^[TX]\\d+ ${name}: `, 'm'));
    expect(stdout).not.toContain('NaN');
    // A question about one alternative has nothing to say where that is missing; .ci/run installs them all.
    if (/^\S+: skipped, .*bench\/setup/m.test(stdout) && !/ (NOT )?met$/m.test(stdout)) return;
    expect(stdout).toMatch(/\d \+-\d/);
    expect(stdout).toMatch(/ (NOT )?met$/m);
  },
);

test('bench says which questions there are when asked for another', async () => {
  await expect(run('nonsense')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining(questions[0]!),
  });
});
