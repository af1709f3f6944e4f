/** examples/price-table: no reader ever sees a row half written, and all notice the end of the writer. */
import { expect, test } from 'vitest';
import { type Example, example } from '../support/example.ts';

async function writing(): Promise<Example> {
  const writer = example('price-table/writer.mjs');
  expect(await writer.line()).toBe('128 prices');
  return writer;
}

test('rows are whole under a writer that never waits', async () => {
  const writer = await writing();
  const readers = [
    example('price-table/reader.mjs', ['300000']),
    example('price-table/reader.mjs', ['300000']),
  ];
  for (const reader of readers) {
    expect(await reader.line()).toBe('reading');
    expect(await reader.line()).toMatch(/^read 300000 repeated \d+ wrong 0$/);
    expect(await reader.end()).toEqual({ status: 0, errors: '' });
  }
  writer.finish();
  const [written] = await writer.match(/^written (\d+)$/);
  expect(Number(written)).toBeGreaterThan(0);
  expect(await writer.end()).toEqual({ status: 0, errors: '' });
});

test.each(['kill', 'finish'] as const)('a reader without end notices that of the writer: %s', async (how) => {
  const writer = await writing();
  const reader = example('price-table/reader.mjs');
  expect(await reader.line()).toBe('reading');
  await writer[how]();
  expect(await reader.line()).toBe('the writer has gone: RSMERR_CONN_ABORTED');
  expect(await reader.line()).toMatch(/^read \d+ repeated \d+ wrong 0$/);
  expect(await reader.end()).toEqual({ status: 0, errors: '' });
});

test('a row that is half written, or wrong, is noticed', async () => {
  const { TABLE_BYTES, Table } = await import('../../examples/price-table/table.mjs' as string);
  const memory = new ArrayBuffer(TABLE_BYTES);
  const table = new Table(memory);
  const words = new Int32Array(memory);
  table.write(0, [1, 2, 3, 4]);
  expect(table.read(0)).toEqual({ values: [1, 2, 3, 4], attempts: 1, whole: true });
  Atomics.add(words, 2, 1);
  expect(table.read(0)).toMatchObject({ whole: false });
  Atomics.add(words, 0, 1);
  expect(table.read(0), 'the sequence is odd').toBeUndefined();
});
