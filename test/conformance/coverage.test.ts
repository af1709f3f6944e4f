/** Every statement C-001…C-204 has a test that names it, or a reason why it has none. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import capabilities from './capabilities.json' with { type: 'json' };

const root: string = join(import.meta.dirname, '..', '..');

interface Statement {
  tests: { file: string; name: string; needs?: string }[];
  exception?: { reason: string; partly?: boolean };
}

function run(option: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['scripts/conformance.mjs', option], { cwd: root, encoding: 'utf8' });
}

const statements = new Map(Object.entries(JSON.parse(run('--json').stdout) as Record<string, Statement>));
const which = (wanted: (statement: Statement) => boolean): string[] =>
  [...statements].filter(([, statement]) => wanted(statement)).map(([number]) => number);

test('there are 204 statements', () => {
  expect(statements.size).toBe(204);
  expect([...statements.keys()].filter((number) => !/^C-(?:0\d\d|1\d\d|20[0-4])$/.test(number))).toEqual([]);
});

test('no statement has neither a test nor a reason', () => {
  expect(which(({ tests, exception }) => tests.length === 0 && !exception)).toEqual([]);
});

test('a statement with a test has a reason only for what is left out', () => {
  expect(
    which(({ tests, exception }) => tests.length > 0 && exception !== undefined && !exception.partly),
  ).toEqual([]);
  expect(which(({ tests, exception }) => tests.length === 0 && exception?.partly === true)).toEqual([]);
});

test('what a test needs is in the list of capabilities, and what is in the list is needed', () => {
  const text = ['conformance', 'support']
    .map((name) => join(root, 'test', name))
    .flatMap((folder) => readdirSync(folder, { encoding: 'utf8' }).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const asked = [...text.matchAll(/\b(?:needs|has)\('(\w+)'\)/g)].map(([, capability]) => capability);
  expect([...new Set(asked)].sort()).toEqual(Object.keys(capabilities).sort());
  const needsOf = (number: number) => statements.get(`C-${number}`)!.tests.map(({ needs }) => needs);
  expect([needsOf(150), needsOf(163)]).toEqual([['map'], [undefined]]);
  expect(new Set(needsOf(156)), 'test.each').toEqual(new Set(['map']));
});

test('docs/reference/conformance.md is fresh', () => {
  const { status, stderr } = run('--check');
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
