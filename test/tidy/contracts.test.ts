/** What TypeScript and C both say must be the same. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import * as errorTable from '../../src/errors.ts';
import * as layoutWords from '../../src/native/layout.ts';
import { root, text } from './tree.ts';

const errors: Record<string, unknown> = { ...errorTable };
const layout: Record<string, number> = { ...layoutWords };
const folder = mkdtempSync(join(tmpdir(), 'rsm-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What C makes of the expressions. */
function evaluate(expressions: string[]): number[] {
  const program = [
    '#include <stdio.h>',
    '#include "layout.h"',
    '#include "process.h"',
    'int main(void) {',
    ...expressions.map((expression) => `  printf("%zu\\n", (size_t)(${expression}));`),
    '}',
  ].join('\n');
  const binary = join(folder, 'layout');
  const headers = `-I${join(root, 'native/loopback')}`;
  execFileSync('gcc', ['-std=gnu11', headers, '-x', 'c', '-', '-o', binary], { input: program });
  return execFileSync(binary, { encoding: 'utf8' }).trim().split('\n').map(Number);
}

test('layout.ts has the offsets of layout.h', () => {
  const expected: Record<keyof typeof layoutWords, string> = {
    CONTROL_BYTES: 'RSM_CONTROL_BYTES',
    LOCAL_STATE: 'offsetof(struct rsm_local_page, state) / 4',
    STATUS_STATE: '(RSM_PAGE_BYTES + offsetof(struct rsm_status_page, state)) / 4',
    STATUS_REBIND_EPOCH: '(RSM_PAGE_BYTES + offsetof(struct rsm_status_page, rebind_epoch)) / 4',
    CONNECTED: 'RSM_CONNECTED',
  };
  const names = Object.keys(expected);
  expect(Object.keys(layout).sort()).toEqual([...names].sort());
  expect(names.map((name) => layout[name])).toEqual(evaluate(Object.values(expected)));
});

test('codes.h agrees with the table of result codes', () => {
  const codes = [...text('native/loopback/codes.h').matchAll(/^\s+(RSM\w+) = (\d+),$/gm)];
  expect(codes.length).toBeGreaterThan(10);
  for (const [, name, value] of codes) {
    expect([name, errors[name!]]).toEqual([name, Number(value)]);
  }
});
