/**
 * Files that people write, and worse: whatever stands in them is read as the rules say or refused with a sentence.
 * RSM_FUZZ_RUNS is how many of each kind are tried; what was once found is kept in test/support/corpus.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { findRange } from '../../src/core/segment-id-file.ts';
import { RSMERR_BAD_APPID, RSMERR_BAD_CONF, RsmError } from '../../src/errors.ts';
import { readConfiguration } from '../../src/node/configuration.ts';

const RUNS = Number(process.env.RSM_FUZZ_RUNS ?? 1_000);
const CORPUS = join(import.meta.dirname, '..', 'support', 'corpus');

const folder = mkdtempSync(join(tmpdir(), 'rsm-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
vi.setConfig({ testTimeout: 3_600_000 });

const kept = (kind: string): [string][] =>
  readdirSync(join(CORPUS, kind)).map((name) => [readFileSync(join(CORPUS, kind, name), 'latin1')]);

function failure(work: () => unknown): RsmError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(RsmError);
    return error as RsmError;
  }
}

const rubbish = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('\0', '\r', '\u{feff}', '"""'),
);
const names = fc.constantFrom(
  'node',
  'limits',
  'gateway',
  'peer',
  '__proto__',
  'constructor',
  'id',
  'runtime',
);
const keys = fc.constantFrom(
  'id',
  'runtime',
  'max-segments',
  '"max-exported-memory"',
  '__proto__',
  'a.b',
  'node.id',
);
const values = fc.oneof(
  fc.constantFrom(
    '0',
    '63',
    '64',
    '-1',
    '1e3',
    '0x10',
    'nan',
    'inf',
    'true',
    '"/x"',
    '"x"',
    '"\\u0000"',
    '[1]',
  ),
  fc.constantFrom('{}', '{ id = 1 }', '1979-05-27', '9223372036854775807', "'/a'", '"""\n/x"""'),
  fc.integer().map(String),
);
const tomlLine = fc.oneof(
  { weight: 3, arbitrary: names.map((name) => `[${name}]`) },
  { weight: 1, arbitrary: names.map((name) => `[[${name}]]`) },
  { weight: 6, arbitrary: fc.tuple(keys, values).map(([key, value]) => `${key} = ${value}`) },
  {
    weight: 1,
    arbitrary: fc.tuple(names, keys, values).map(([name, key, value]) => `${name}.${key} = ${value}`),
  },
  { weight: 1, arbitrary: rubbish },
);
const toml = fc.array(tomlLine, { maxLength: 8 }).map((lines) => lines.join('\n'));

test('rsm.toml: a configuration within its limits, or BAD_CONF with file and line', () => {
  const file = join(folder, 'rsm.toml');
  let read = 0;
  const property = fc.property(toml, (text) => {
    writeFileSync(file, text);
    const error = failure(() => {
      const { nodeId, runtime, limits } = readConfiguration(file);
      read += 1;
      expect(Number.isInteger(nodeId) && nodeId >= 0 && nodeId <= 63).toBe(true);
      expect(runtime === undefined || isAbsolute(runtime)).toBe(true);
      expect(limits.maxSegments).toBeGreaterThan(0);
      expect(limits.maxSegments).toBeLessThanOrEqual(65_535);
      expect(limits.maxExportedMemoryPercent).toBeLessThanOrEqual(100);
    });
    if (error === undefined) return;
    expect(error.result).toBe(RSMERR_BAD_CONF);
    const line = Number(new RegExp(`${file}:(\\d+): `).exec(error.message)?.[1]);
    expect(line).toBeGreaterThan(0);
    expect(line).toBeLessThanOrEqual(text.split('\n').length);
  });
  fc.assert(property, { numRuns: RUNS, examples: kept('configuration') });
  expect(read, 'files that could be read').toBeGreaterThan(0);
});

const word = fc.oneof(
  fc.constantFrom(
    'reserved',
    'reserve',
    'RESERVED',
    'x',
    'SUNWfoo',
    'sunwFOO',
    '0x600000',
    '600000',
    '1000',
    '#',
  ),
  fc.constantFrom(
    '0x',
    '0x100000000',
    '4294967295',
    '4294967296',
    '-1',
    '1e3',
    'ffffffff',
    '0b1',
    'x'.repeat(260),
  ),
  rubbish,
);
const idLine = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom('reserved', 'reserve'), word, word, word).map((w) => w.join(' ')),
  },
  { weight: 2, arbitrary: fc.array(word, { maxLength: 5 }).map((words) => words.join('\t')) },
  { weight: 1, arbitrary: fc.constantFrom('# a comment', '', ' ') },
);
const ids = fc.array(idLine, { maxLength: 6 }).map((lines) => lines.join('\n'));

test('the segment-id file: a range of 32-bit numbers, BAD_APPID or BAD_CONF with file and line', () => {
  let found = 0;
  const property = fc.property(ids, (text) => {
    const error = failure(() => {
      const { base, length } = findRange(text, 'SUNWfoo', 'file');
      found += 1;
      for (const number of [base, length]) expect(number >>> 0).toBe(number);
      expect(text.toLowerCase()).toContain('sunwfoo');
    });
    if (error === undefined) return;
    expect([RSMERR_BAD_CONF, RSMERR_BAD_APPID]).toContain(error.result);
    expect(error.message).toMatch(error.result === RSMERR_BAD_CONF ? /file:\d+: / : /SUNWfoo/);
  });
  fc.assert(property, { numRuns: RUNS, examples: kept('segment-ids') });
  expect(found, 'ranges').toBeGreaterThan(0);
});
