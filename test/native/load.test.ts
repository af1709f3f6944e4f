/** Where the addon is looked for, and what is said when it is not there. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'rsm-test-'));
afterAll(() => rmSync(root, { recursive: true }));

const source = join(import.meta.dirname, '..', '..', 'src', 'native', 'load.ts');
mkdirSync(join(root, 'src', 'native'), { recursive: true });
writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
copyFileSync(source, join(root, 'src', 'native', 'load.ts'));

function place(folder: string, contents: string): string {
  mkdirSync(join(root, folder), { recursive: true });
  const file = join(root, folder, 'loopback.node');
  writeFileSync(file, contents);
  return file;
}

test('without a binary: what was tried and what to do', async () => {
  const module = await import(pathToFileURL(join(root, 'src', 'native', 'load.ts')).href);
  const load = () => module.load('loopback', 'what to do');
  const built = join(root, 'native', 'build', 'Release', 'loopback.node');
  expect(load).toThrow(`${built}: no such file`);
  expect(load).toThrow(/prebuilds\/linux-\w+-(glibc|musl)\/loopback\.node: no such file/);
  expect(load).toThrow('what to do');
  place('native/build/Release', 'not a library');
  expect(load).toThrow(/Release\/loopback\.node: .*(invalid ELF|file too short)/);
});

test('who evaluates it twice has one addon all the same', async () => {
  const built = join(import.meta.dirname, '..', '..', 'native', 'build', 'Release', 'loopback.node');
  copyFileSync(built, join(root, 'native', 'build', 'Release', 'loopback.node'));
  const url = pathToFileURL(join(root, 'src', 'native', 'load.ts')).href;
  const [first, second] = await Promise.all([import(`${url}?1`), import(`${url}?2`)]);
  expect(first.load).not.toBe(second.load);
  expect(second.load('loopback', '')).toBe(first.load('loopback', ''));
});
