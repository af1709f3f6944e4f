/**
 * Litmus tests of the memory model (docs/internals/memory-model.md): asserted is only what must never happen. For
 * counts worth looking at there is `npm run test:litmus`.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { runtimeDirectory } from '../support/runtime.ts';

runtimeDirectory({ own: true });

interface Result {
  test: string;
  access: string;
  /** Whether this kind of access promises that no weak outcome is seen. */
  ordered: boolean;
  weak: string;
  /** How often the registers were seen so: 1 for the value of the round, 0 for the one before, ? for any other. */
  outcomes: Record<string, number>;
}

const ROUNDS = 50;
const INSTANCES = 256;
const program = join(import.meta.dirname, 'programs', 'litmus', 'run.mjs');
const { stdout } = await promisify(execFile)(process.execPath, [program, '--json', String(ROUNDS)]);
const results = JSON.parse(stdout) as Result[];

test.each(results)('$test, $access: nobody saw a value that nobody stored', ({ outcomes }) => {
  const counts = Object.entries(outcomes);
  expect(counts.filter(([outcome]) => outcome.includes('?'))).toEqual([]);
  expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(ROUNDS * INSTANCES);
});

const ordered = results.filter((result) => result.ordered);
test.each(ordered)('$test, $access: what no interleaving can give is not seen', ({ weak, outcomes }) => {
  expect(outcomes[weak]).toBeUndefined();
});

test('all of them were run', () => {
  expect(results).toHaveLength(20);
  expect(ordered).toHaveLength(12);
});
