/** What TypeScript and C both say must be the same. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import * as seam from '../../src/drivers/driver.ts';
import * as errorTable from '../../src/errors.ts';
import * as layoutWords from '../../src/native/layout.ts';
import * as record from '../../src/native/record-layout.ts';
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
    '#include "record_layout.h"',
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
    WITHDRAWN: 'RSM_WITHDRAWN',
    LOCK_CONTENDED: 'RSM_LOCK_CONTENDED',
  };
  const names = Object.keys(expected);
  expect(Object.keys(layout).sort()).toEqual([...names].sort());
  expect(names.map((name) => layout[name])).toEqual(evaluate(Object.values(expected)));
});

/** Members of C that a field is inside of; the others have the same name in another spelling. */
const INSIDE: Record<string, string> = {
  'header.refusals': 'refusals[0]',
  'exported.access': 'access[0].node',
  'exported.posts': 'events.posts',
  'exported.waits': 'events.waits',
  'imported.posts': 'events.posts',
  'imported.waits': 'events.waits',
};
const SIZES: Record<string, number> = { f64: 1, u32: 4, u64: 8 };

test.each<[string, Record<string, record.Field>]>([
  ['header', record.HEADER],
  ['', record.SLOT],
  ['exported', record.EXPORT],
  ['exported', record.EXPORT_COUNTERS],
  ['imported', record.IMPORT],
  ['imported', record.IMPORT_COUNTERS],
  ['connection', record.CONNECTION],
])('record-layout.ts has the fields of record_layout.h: %s', (place, table) => {
  const struct = place === 'header' ? 'struct rsm_record_header' : 'struct rsm_slot';
  const path = place === 'header' || place === '' ? '' : `${place}.`;
  const expressions = Object.keys(table).flatMap((name) => {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const member = path + (INSIDE[`${place}.${name}`] ?? snake);
    const value = `((${struct} *)0)->${member}`;
    return [`offsetof(${struct}, ${member})`, `_Generic(${value}, double: 1, default: sizeof(${value}))`];
  });
  const expected = Object.values(table).flatMap(({ offset, type }) => [offset, SIZES[type]]);
  expect(evaluate(expressions)).toEqual(expected);
});

test('record-layout.ts has the sizes and kinds of record_layout.h', () => {
  const expected: [number, string][] = [
    [record.RECORD_MAGIC, 'RSM_RECORD_MAGIC'],
    [record.RECORD_VERSION, 'RSM_RECORD_VERSION'],
    [record.HEADER_BYTES, 'RSM_RECORD_HEADER_BYTES'],
    [record.SLOT_BYTES, 'sizeof(struct rsm_slot)'],
    [record.CHUNK_SLOTS, 'RSM_CHUNK_SLOTS'],
    [record.MAX_CHUNKS, 'RSM_RECORD_CHUNKS_LIMIT'],
    [record.REFUSAL_CODES, 'RSM_REFUSAL_CODES'],
    [record.SHOWN_ENTRIES, 'RSM_SHOWN_ENTRIES'],
    [record.SLOT_EXPORT, 'RSM_SLOT_EXPORT'],
    [record.SLOT_IMPORT, 'RSM_SLOT_IMPORT'],
    [record.SLOT_CONNECTION, 'RSM_SLOT_CONNECTION'],
    [record.EXPORT_READ_ONLY, 'RSM_EXPORT_READ_ONLY'],
  ];
  expect(expected.map(([value]) => value)).toEqual(evaluate(expected.map(([, text]) => text)));
});

test('transfers are counted in the order of the record', () => {
  const { puts, bytesPut, gets, bytesGot, barriersFailed } = record.IMPORT_COUNTERS;
  const places = [puts, bytesPut, gets, bytesGot, barriersFailed].map(
    ({ offset }) => (offset - puts.offset) / 8,
  );
  const { PUTS, BYTES_PUT, GETS, BYTES_GOT, BARRIERS_FAILED } = seam;
  expect([PUTS, BYTES_PUT, GETS, BYTES_GOT, BARRIERS_FAILED]).toEqual(places);
  expect(record.TRANSFER_COUNTERS).toBe(places.length);
});

test('codes.h agrees with the table of result codes', () => {
  const codes = [...text('native/loopback/codes.h').matchAll(/^\s+(RSM\w+) = (\d+),$/gm)];
  expect(codes.length).toBeGreaterThan(10);
  for (const [, name, value] of codes) {
    expect([name, errors[name!]]).toEqual([name, Number(value)]);
  }
});
