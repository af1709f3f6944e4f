/** `rsm bench`: every question is answered, whatever the figures are. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { QUESTIONS } from '../../src/cli/bench.ts';
import { until } from '../support/actors.ts';
import { rsm, rsmJson, startOnTerminal, startRsm } from '../support/rsm.ts';
import { leftovers } from '../support/runtime.ts';
import { directory } from '../support/scene.ts';

interface Figure {
  median: number;
  low: number;
  high: number;
}

interface Document {
  machine: Record<string, string>;
  answers: { question: string; lines: { name: string; unit: string; here: Figure; beside?: Figure }[] }[];
}

const names = Object.keys(QUESTIONS);

describe.each(names)('%s', (name) => {
  test('is measured, and leaves nothing', async () => {
    const { machine, answers } = await rsmJson<Document>(['bench', name]);
    expect(machine.node).toBe(`Node.js ${process.version}`);
    expect(answers.map(({ question }) => question)).toEqual([name]);
    for (const { unit, here, beside } of answers[0]!.lines) {
      expect(unit).toMatch(/^(ns|B\/s)$/);
      for (const { low, median, high } of beside ? [here, beside] : [here]) {
        expect(low).toBeGreaterThan(0);
        expect(median).toBeGreaterThanOrEqual(low);
        expect(high).toBeGreaterThanOrEqual(median);
      }
    }
    expect(leftovers(directory)).toEqual({ claims: [], records: [] });
  });

  test('ends at SIGINT, with its other processes', async () => {
    const bench = startRsm(['bench', name]);
    // It has published, so it measures.
    await until(() => leftovers(directory).claims.length > 0 || bench.child.exitCode !== null);
    bench.child.kill('SIGINT');
    expect(await bench.ended).toMatchObject({ code: 130, stderr: '' });
    await until(() => leftovers(directory).records.length === 0);
  });
});

test('people read a table of one question', async () => {
  const { code, stdout } = await rsm(['bench', 'call']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^T1: .*\n +HERE +RANGE +BESIDE IT +RANGE\n {2}put +[\d.]+ [nµm]s +[\d.]+ [nµm]s – /,
  );
});

test('it fits a terminal', async () => {
  const { stdout } = await startOnTerminal(['bench', 'call'], 60).ended;
  const lines = stripVTControlCharacters(stdout).split('\r\n');
  expect(lines.slice(0, 4).filter((line) => line.length > 60)).toEqual([]);
});

test('an unknown question is wrong usage', async () => {
  const { code, stderr } = await rsm(['bench', 'everything']);
  expect(code).toBe(2);
  expect(stderr).toContain('ping-pong');
});
