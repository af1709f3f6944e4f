/** What every command of `rsm` has in common: help, wrong usage, a binary that does not work. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplesOf } from '../../src/cli/command.ts';
import { program as commands } from '../../src/cli/program.ts';
import { rsm, startOnTerminal, startProgram } from '../support/rsm.ts';
import { later } from '../support/scene.ts';

const root: string = join(import.meta.dirname, '..', '..');
const names: string[] = commands().commands.map((command) => command.name());

test('help lists every command in a line of its own, on 80 columns', async () => {
  const { code, stdout, stderr } = await rsm(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const listed = [...stdout.matchAll(/^ {2}([a-z]+) .*\S$/gm)].map(([, name]) => name);
  expect(listed.filter((name) => name !== 'help')).toEqual(names);
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).not.toContain('\u001b');
});

test.each(names)('help of %s says what it does, with an example', async (name) => {
  const { code, stdout, stderr } = await rsm([name, '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^Usage: rsm ${name} `));
  const grouped = commands().commands.find((command) => command.name() === name)!.commands.length > 0;
  if (!grouped) expect(stdout).toMatch(/\nExamples?:\n {2}\$ .*rsm /);
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

/** The words of a line up to a pipe or another command. */
const wordsOf = (line: string) => /^[^|&;>]*/.exec(line)![0].trim().split(/ +/);

test('every example can be parsed', () => {
  const groups = [
    commands(),
    ...commands().commands,
    ...commands().commands.flatMap((each) => each.commands),
  ];
  const lines = groups
    .flatMap(examplesOf)
    .flatMap((line) => line.split(/[|&]+/))
    .map((line) => line.trim());
  const own = lines.filter((line) => line.startsWith('rsm ') && !line.startsWith('rsm help'));
  expect(own.length).toBeGreaterThan(names.length);
  for (const line of own) {
    const parsed = commands();
    for (const command of parsed.commands)
      for (const each of [command, ...command.commands]) each.action(() => {});
    expect(() => parsed.parse(wordsOf(line).slice(1), { from: 'user' }), line).not.toThrow();
  }
});

test.each([
  [[], 'Usage: rsm'],
  [['improters', '1'], "rsm: unknown command 'improters'\n(Did you mean importers?)\n"],
  [['ls', '--jsno'], "rsm: unknown option '--jsno'\n(Did you mean --json?)\n"],
  [['ls', '1', '2'], 'too many arguments'],
  [['ls', '64'], 'A node is a number from 0 to 63.'],
  [['help', 'nothing'], 'Usage: rsm'],
])('%j is wrong usage', async (args, sentence) => {
  const { code, stdout, stderr } = await rsm(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(sentence);
});

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(await rsm(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('a package without its binary has help, and tells what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rsm-test-package-'));
  later(() => rmSync(folder, { recursive: true }));
  for (const part of ['dist', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const run = (...args: string[]) =>
    startProgram(process.execPath, [join(folder, 'dist/cli/rsm.js'), ...args], {}).ended;
  expect(await run('--help')).toMatchObject({ code: 0, stderr: '' });
  for (const name of ['ls', 'topology', 'demo', 'top']) {
    const { code, stdout, stderr } = await run(name);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^rsm: rsmapi has no native binary that works on linux-\w+: loopback\.node\. `rsm doctor` says more\.\n$/,
    );
  }
  const { code, stdout, stderr } = await run('doctor');
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toMatch(
    /^PROBLEM +native binary .*\n(.*\n)* +\$ npm explore rsmapi -- npm run build:native$/m,
  );
});

test('help is as wide as the terminal', async () => {
  const { stdout } = await startOnTerminal(['export', '--help'], 70).ended;
  expect(Math.max(...stdout.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(70);
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('three octal digits as for files; repeatable');
});
