/** Counters where processes say they have them: nothing of others is read, and nobody waits. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCounts } from '../../src/gateway/counts.ts';
import { HEADER_BYTES, IMPORT_COUNTERS, SLOT_BYTES } from '../../src/native/record-layout.ts';
import { folder } from './scene.ts';

const SLOT = 2;
const uid = process.getuid!();

/** A file whose slot has 1, 2, 3, 4 and 5. */
function recordIn(directory: string): string {
  const path = join(directory, '1.0.1');
  const bytes = new DataView(new ArrayBuffer(HEADER_BYTES + (SLOT + 1) * SLOT_BYTES));
  const at = HEADER_BYTES + SLOT * SLOT_BYTES + IMPORT_COUNTERS.puts.offset;
  for (let index = 0; index < 5; index += 1) bytes.setFloat64(at + 8 * index, index + 1, true);
  writeFileSync(path, bytes);
  return path;
}

test('those of a slot are read', () => {
  expect(readCounts({ path: recordIn(folder()), uid, slot: SLOT })).toEqual([1, 2, 3, 4, 5]);
});

test.each<[string, (path: string, record: string) => void]>([
  ['that is not there', () => {}],
  ['that is a link', (path, record) => symlinkSync(record, path)],
  ['that is a FIFO', (path) => void execFileSync('mkfifo', [path])],
  ['that is a directory', (path) => mkdirSync(path)],
])('a record %s has none', (_name, make) => {
  const record = recordIn(folder());
  const path = `${record}0`;
  make(path, record);
  expect(readCounts({ path, uid, slot: SLOT })).toBeUndefined();
});

test('beyond the end there are none', () => {
  expect(readCounts({ path: recordIn(folder()), uid, slot: SLOT + 1 })).toBeUndefined();
});

test.runIf(uid === 0)('a record of another user is none of his business', () => {
  const path = recordIn(folder());
  chownSync(path, 4711, 4711);
  expect(readCounts({ path, uid, slot: SLOT })).toBeUndefined();
});
