/** What another user put into its directory can neither stop nor mislead who looks, nor who counts. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allocate, openController } from '../../src/api/index.ts';
import { native } from '../../src/native/index.ts';
import {
  CHUNK_BYTES,
  HEADER,
  HEADER_BYTES,
  RECORD_MAGIC,
  RECORD_VERSION,
  SLOT,
  SLOT_BYTES,
} from '../../src/native/record-layout.ts';
import { commandOf } from '../../src/observe/command.ts';
import { snapshot } from '../../src/observe/index.ts';
import { directory, root } from '../support/scene.ts';

const OTHER = 54_321;
const home = `${directory}/u/${OTHER}`;
const NAME = '4000000.0.0123abcd';
const path = `${home}/${NAME}`;
const open: number[] = [];

beforeEach(() => {
  mkdirSync(home, { recursive: true });
  chownSync(home, OTHER, OTHER);
});
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
  rmSync(home, { recursive: true });
});

/** Somebody lives behind the file. */
function locked(file: string): number {
  const fd = openSync(file, 'r+');
  open.push(fd);
  expect(native.lockFile(fd, true, 0)).toBe(true);
  return fd;
}

function written(bytes: Uint8Array): number {
  writeFileSync(path, bytes);
  chownSync(path, OTHER, OTHER);
  return locked(path);
}

/** A record as it should be, with these words of the header. */
function recordWith(slots: number, change: (header: DataView) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + slots * SLOT_BYTES);
  const header = new DataView(bytes.buffer);
  header.setUint32(HEADER.magic.offset, RECORD_MAGIC, true);
  header.setUint32(HEADER.version.offset, RECORD_VERSION, true);
  header.setUint32(HEADER.slotCount.offset, slots, true);
  change(header);
  return bytes;
}

const seen = () => snapshot(directory).participants.filter(({ uid }) => uid === OTHER);

/** Whoever works on the node is not disturbed. */
function expectWork(): void {
  const controller = openController();
  const segment = controller.createExport(allocate(4096));
  controller.connectSync({ id: segment.publish() }).close();
  segment.close();
  controller.close();
}

describe.skipIf(!root)('a file in the place of a record', () => {
  test.each([
    ['empty', new Uint8Array(0)],
    ['shorter than a header', recordWith(0).subarray(0, 40)],
    ['of another kind', recordWith(0, (header) => header.setUint32(0, 1, true))],
    [
      'of another version',
      recordWith(0, (header) => header.setUint32(HEADER.version.offset, RECORD_VERSION + 1, true)),
    ],
  ])('%s is not looked into', (_, bytes) => {
    written(bytes);
    expect(seen()).toEqual([]);
    expectWork();
  });

  test('that is no file is passed over: a pipe, a directory, a link to another file, a device', () => {
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    mkdirSync(`${home}/1.0.00000000`);
    writeFileSync(`${directory}/elsewhere`, recordWith(0));
    locked(`${directory}/elsewhere`);
    symlinkSync('../../elsewhere', `${home}/2.0.00000000`);
    expect(spawnSync('mknod', [`${home}/3.0.00000000`, 'c', '1', '5']).status).toBe(0);
    expect(seen()).toEqual([]);
    expectWork();
    rmSync(`${directory}/elsewhere`);
  });

  test('that belongs to somebody else says nothing', () => {
    writeFileSync(`${directory}/mine`, recordWith(0));
    locked(`${directory}/mine`);
    linkSync(`${directory}/mine`, path);
    expect(seen()).toEqual([]);
    rmSync(`${directory}/mine`);
  });

  test('that is sparse and without end, and says so, is read up to the limit', () => {
    const fd = written(
      recordWith(0, (header) => header.setUint32(HEADER.slotCount.offset, 0xffffffff, true)),
    );
    ftruncateSync(fd, 2 ** 40);
    expect(seen()).toHaveLength(1);
  });

  test('that says more slots than it has shows those it has', () => {
    const bytes = recordWith(CHUNK_BYTES / SLOT_BYTES, (header) =>
      header.setUint32(HEADER.slotCount.offset, 4096, true),
    );
    new DataView(bytes.buffer).setUint32(HEADER_BYTES + SLOT.kind.offset, 1, true);
    written(bytes);
    expect(snapshot(directory).exports.filter(({ owner }) => owner.uid === OTHER)).toHaveLength(1);
  });
});

describe.skipIf(!root)('the contents of a record', () => {
  test('may be anything: numbers stay numbers and dates are dates', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const bytes = recordWith(CHUNK_BYTES / SLOT_BYTES);
      let state = seed;
      for (let at = HEADER.pid.offset; at < bytes.length; at += 1) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        bytes[at] = seed === 20 ? 0xff : state >>> 24;
      }
      const view = new DataView(bytes.buffer);
      view.setUint32(HEADER.slotCount.offset, CHUNK_BYTES / SLOT_BYTES, true);
      for (let slot = 0; slot < CHUNK_BYTES / SLOT_BYTES; slot += 1) {
        const at = HEADER_BYTES + slot * SLOT_BYTES;
        view.setUint32(at + SLOT.sequence.offset, slot & ~1, true);
        view.setUint32(at + SLOT.kind.offset, slot % 5, true);
      }
      closeSync(written(bytes));
      open.pop();
      const fd = locked(path);
      const { exports, imports } = snapshot(directory);
      expect(exports.length).toBeGreaterThan(10);
      expect(imports.length).toBeGreaterThan(10);
      for (const { created, counters } of exports) {
        expect(created.toISOString()).toMatch(/Z$/);
        expect(Object.values(counters).every(Number.isFinite)).toBe(true);
      }
      for (const { counters } of imports) expect(Object.values(counters).every(Number.isFinite)).toBe(true);
      closeSync(fd);
      open.pop();
    }
  });

  test('a slot that is always being changed is left out, the others are shown', () => {
    const bytes = recordWith(CHUNK_BYTES / SLOT_BYTES);
    const view = new DataView(bytes.buffer);
    for (const slot of [0, 1]) view.setUint32(HEADER_BYTES + slot * SLOT_BYTES + SLOT.kind.offset, 1, true);
    view.setUint32(HEADER_BYTES + SLOT.sequence.offset, 7, true);
    written(bytes);
    expect(snapshot(directory).exports.filter(({ owner }) => owner.uid === OTHER)).toHaveLength(1);
  });

  test('naming a process of somebody else does not borrow its command line', () => {
    written(recordWith(0, (header) => header.setUint32(HEADER.pid.offset, process.pid, true)));
    expect(seen()).toMatchObject([{ pid: process.pid, command: undefined }]);
  });
});

test('a command line reaches nobody as a command of the terminal', async () => {
  const name = 'a\u001b[2Jb\u0007';
  const child = spawn('sleep', ['1000'], { argv0: name });
  await once(child, 'spawn');
  // Between fork and exec it still has the command line of this process.
  while (!commandOf(child.pid!, process.getuid!())?.includes('1000')) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(commandOf(child.pid!, process.getuid!())).toBe('a?[2Jb? 1000');
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await gone;
  expect(commandOf(child.pid!, process.getuid!())).toBeUndefined();
});
