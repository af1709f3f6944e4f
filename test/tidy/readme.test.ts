/** The programs of README.md run as they stand there, in two processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, test } from 'vitest';
import { runtimeDirectory } from '../support/runtime.ts';
import { root, text } from './tree.ts';

const runtime = runtimeDirectory({ own: false });
/** A folder in which `rsmapi` is an installed package. */
const folder = mkdtempSync(join(tmpdir(), 'rsm-readme-'));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(root, join(folder, 'node_modules', 'rsmapi'));

const programs = [...text('README.md').matchAll(/^```js\n\/\/ (\S+\.mjs)\n(.*?)^```$/gms)];
for (const [, name, code] of programs) writeFileSync(join(folder, name!), code!);

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(name: string, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [name], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

describe('README', () => {
  test('has programs of about twenty lines for each face', () => {
    expect(programs.map(([, name]) => name)).toEqual([
      'exporter.mjs',
      'importer.mjs',
      'librsm-exporter.mjs',
      'librsm-importer.mjs',
    ]);
  });

  test.each([
    ['', 'the importer wrote: hello'],
    ['librsm-', 'the importer put: 42'],
  ])('%sexporter.mjs and its importer do what it says', async (face, last) => {
    const env = { ...process.env, RSM_RUNTIME_DIR: runtime };
    const exporter = start(`${face}exporter.mjs`, env);
    const lines = createInterface({ input: exporter.stdout! })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('published; waiting');
    const [importing] = (await once(start(`${face}importer.mjs`, env), 'exit')) as [number];
    expect(importing).toBe(0);
    expect((await lines.next()).value).toBe(last);
    if (exporter.exitCode === null) await once(exporter, 'exit');
    expect(exporter.exitCode).toBe(0);
  });
});
