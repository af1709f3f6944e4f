/** A fresh clone: what the README says to do first, with a compiler and without one. */
import { cpSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { files } from '../tidy/tree.ts';
import { environment, folder, root, run, succeed } from './scene.ts';

/** What a clone would have if everything were committed. */
function clone(): string {
  const made = folder();
  for (const file of files) cpSync(join(root, file), join(made, file));
  return made;
}

test('npm ci and npm run demo work in a clone, whatever the settings of the user', () => {
  const tree = clone();
  succeed(tree, 'npm', ['ci', '--prefer-offline']);
  const said = succeed(tree, 'npm', ['run', 'demo', '--', 'README.md']);
  expect(said).toContain('All 4 results agree with the file on disk.');
});

test.each([
  ['nothing', [], 'there is no C compiler (gcc or clang) and no make and no Python 3 on this machine'],
  ['no compiler', ['make', 'python3'], 'there is no C compiler (gcc or clang) on this machine'],
  ['no make', ['cc', 'python3'], 'there is no make on this machine'],
  ['no Python', ['cc', 'make'], 'there is no Python 3 on this machine'],
])('where there is %s, building the addon says so', (_, programs, sentence) => {
  const tree = clone();
  const PATH = folder();
  for (const program of programs) {
    const path = succeed(root, 'sh', ['-c', `command -v ${program}`]).trim();
    symlinkSync(path, join(PATH, program));
  }
  const build = ['scripts/build-native.mjs'];
  const { status, stdout, stderr } = run(tree, process.execPath, build, { ...environment(), PATH });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: `rsmapi: the native addon did not build: ${sentence}. Install that and run this again.\n`,
  });
});

test('a C compiler, make and Python are enough', () => {
  const tree = clone();
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  const wrapper = folder();
  writeFileSync(join(wrapper, 'g++'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const { PATH } = environment();
  const env = { ...environment(), PATH: `${wrapper}:${PATH}` };
  succeed(tree, process.execPath, ['scripts/build-native.mjs'], env);
  expect(existsSync(join(tree, 'native', 'build', 'Release', 'loopback.node'))).toBe(true);
});
