/** What is installed before the tests: packages of npm by the lock file, of the system by `.ci/run`. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { matching, root, text } from './tree.ts';

test('package-lock.json is in step with package.json, so that `npm ci` works', () => {
  const lock = JSON.parse(text('package-lock.json')) as { packages: Record<string, Record<string, unknown>> };
  const manifest = JSON.parse(text('package.json')) as Record<string, unknown>;
  const { '': locked } = lock.packages;
  // npm writes these into the root entry; of everything else in package.json it takes no notice.
  for (const key of Object.keys(locked!)) expect([key, manifest[key]]).toEqual([key, locked![key]]);
  for (const key of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']) {
    expect([key, locked![key]]).toEqual([key, manifest[key]]);
  }
  // Throws, and npm has said why, if anything in the tree is missing or has a version nobody asked for.
  execFileSync('npm', ['ls', '--all', '--package-lock-only'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
});

/** Of Node itself, of what no Linux is without, and of Debian where a test has found that it is on one. */
const EVERYWHERE = ['npm', 'apt-get', 'mkfifo', 'mknod', 'sleep', 'sh', 'cp', 'tar'];

test('.ci/run and bench/setup install every program that a test or benchmark starts', () => {
  const installed = ['.ci/run', 'bench/setup'].flatMap((file) =>
    [...text(file).matchAll(/^ {2}([\w+-]+)=[\w+.-]+$/gm)].map(([, tool]) => tool!),
  );
  expect(installed.length).toBeGreaterThan(5);
  const call =
    /\b(?:spawn|spawnSync|execFile|execFileSync)\)?\(\s*'([^'/]+)'|\b(?:through: \[|command\.push\()'([a-z][\w+-]+)'/g;
  const started = matching(/^(test|bench|scripts)\/.*\.(ts|js|mjs)$/).flatMap((file) =>
    [...text(file).matchAll(call)].map(([, plain, through]) => ({ file, tool: (plain ?? through)! })),
  );
  expect(started.map(({ tool }) => tool)).toContain('setpriv');
  const missing = started.filter(({ tool }) => !installed.includes(tool) && !EVERYWHERE.includes(tool));
  expect(missing).toEqual([]);
});
