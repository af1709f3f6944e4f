/** The native surface itself: between processes, on buffers, on the event loop. */
import { execFile } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { native } from '../../src/native/index.ts';
import { CONNECTED, LOCAL_STATE, STATUS_STATE } from '../../src/native/layout.ts';
import { counts } from '../support/counts.ts';
import { addon, collect, connected, directory, good, PAGE, published, READ_WRITE } from './scene.ts';

const BAD_SEG_HNDL = 5;
const BAD_ADDR = 16;
const INSUFFICIENT_RESOURCES = 31;
const INTERRUPTED = 41;
const TIMEOUT = 42;

const importer = fileURLToPath(new URL('./programs/importer.mjs', import.meta.url));

test('two processes: connect, map, post, rebind, unpublish', async () => {
  const exporter = published(2);
  const fresh = good(native.allocate(2 * PAGE, 0));
  const words = new Int32Array(exporter.memory);
  words[0] = 42;
  new Int32Array(fresh)[0] = 1000;
  const argument = JSON.stringify({ addon, request: exporter.request });
  const child = promisify(execFile)(process.execPath, [importer, argument]);
  const event = (): Promise<void> =>
    new Promise((resolve) => {
      native.watch(exporter.segment, () => native.take(exporter.segment) && resolve(), true);
    });

  await event();
  expect(words[1]).toBe(43);
  expect(native.importers(exporter.segment)).toBe(1);
  expect(native.rebind(exporter.segment, fresh, 0)).toBe(0);
  native.post(exporter.segment, true);
  await event();
  expect(native.unpublish(exporter.segment)).toBe(0);
  expect(native.importers(exporter.segment)).toBe(0);
  const { stdout, stderr } = await child;
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    uid: process.getuid!(),
    pid: process.pid,
    before: 42,
    after: 1000,
    states: [1, 2],
    aborted: true,
    detached: 0,
  });
  native.watch(exporter.segment, null, false);
  native.destroyExport(exporter.segment);
});

test('a control block says whether the connection is whole', () => {
  const exporter = published();
  const connection = connected(exporter);
  const words = new Int32Array(connection.control);
  expect([words[LOCAL_STATE], words[STATUS_STATE]]).toEqual([CONNECTED, CONNECTED]);
  native.unpublish(exporter.segment);
  expect(words[STATUS_STATE]).not.toBe(CONNECTED);
  native.disconnect(connection.handle, null);
  native.destroyExport(exporter.segment);
});

test('connectAsync fulfils with a connection or a code', async () => {
  const exporter = published();
  const connection = good(await good(native.connectAsync(exporter.request)).result);
  expect(connection.byteLength).toBe(PAGE);
  native.disconnect(connection.handle, null);
  native.destroyExport(exporter.segment);
  expect(await good(native.connectAsync(exporter.request)).result).toBeTypeOf('number');
});

test('a cancelled connectAsync is INTERRUPTED or was done before', async () => {
  const exporter = published();
  const attempt = good(native.connectAsync(exporter.request));
  attempt.cancel();
  attempt.cancel();
  const result = await attempt.result;
  attempt.cancel();
  if (typeof result === 'number') expect(result).toBe(INTERRUPTED);
  else native.disconnect(result.handle, null);
  native.destroyExport(exporter.segment);
});

test('onAbort is told each aborted connection of this thread once, and none that was disconnected', async () => {
  const exporter = published();
  const connections = [1, 2, 3, 4].map(() => connected(exporter));
  const told: unknown[] = [];
  native.onAbort((segment) => told.push(segment));
  native.disconnect(connections.pop()!.handle, null);
  native.unpublish(exporter.segment);
  await expect.poll(() => told.length).toBe(3);
  for (const { handle } of connections) expect(told.filter((each) => each === handle).length).toBe(1);
  for (const { handle } of connections) native.disconnect(handle, null);
  native.destroyExport(exporter.segment);
});

test('a handle that has ended, or is of another kind, gets the code for it', () => {
  const exporter = published();
  const connection = connected(exporter);
  expect(native.unpublish(connection.handle as never)).toBe(BAD_SEG_HNDL);
  expect(native.map(exporter.segment as never, 0, PAGE, READ_WRITE, false, null, 0)).toBe(BAD_SEG_HNDL);
  native.disconnect(connection.handle, null);
  native.disconnect(connection.handle, null);
  expect(native.map(connection.handle, 0, PAGE, READ_WRITE, false, null, 0)).toBe(BAD_SEG_HNDL);
  expect(native.wait(connection.handle, -1)).toBe(BAD_SEG_HNDL);
  expect(native.eventDescriptor(connection.handle)).toBe(-1);
  expect(native.take(connection.handle)).toBe(false);
  native.post(connection.handle, false);
  native.destroyExport(exporter.segment);
  native.destroyExport(exporter.segment);
  expect(native.rebind(exporter.segment, exporter.memory, 0)).toBe(BAD_SEG_HNDL);
  expect(native.importers(exporter.segment)).toBe(0);
});

test('buffers: unmap detaches a window, whose memory stays while another buffer shows it', async () => {
  const exporter = published(2);
  new Uint8Array(exporter.memory).fill(7);
  const connection = connected(exporter);
  const window = good(native.map(connection.handle, PAGE, PAGE, READ_WRITE, false, null, 0));
  const moved = window as ArrayBuffer & { transfer?: () => ArrayBuffer };
  const other = moved.transfer?.();
  native.unmap(connection.handle, window);
  expect(window.byteLength).toBe(0);
  if (other !== undefined) new Uint8Array(other).fill(9);
  await collect();
  if (other !== undefined) new Uint8Array(other).fill(9);
  expect(new Uint8Array(exporter.memory).every((byte) => byte === 7)).toBe(true);
  const again = good(native.map(connection.handle, 0, 2 * PAGE, READ_WRITE, false, null, 0));
  expect(new Uint8Array(again)[PAGE]).toBe(7);
  native.disconnect(connection.handle, new ArrayBuffer(8));
  expect(again.byteLength).toBe(2 * PAGE);
  expect(new Uint8Array(again)[PAGE]).not.toBe(7);
  native.destroyExport(exporter.segment);
});

test('buffers: a fixed mapping is seen through the buffer it was put over', () => {
  const exporter = published();
  const connection = connected(exporter);
  const place = good(native.allocate(2 * PAGE, 0));
  new Uint8Array(exporter.memory).fill(7);
  expect(native.map(connection.handle, 0, PAGE, READ_WRITE, false, place, PAGE)).toBe(place);
  expect(new Uint8Array(place, PAGE)[3]).toBe(7);
  expect(native.release(place)).toBe(INSUFFICIENT_RESOURCES);
  native.unmap(connection.handle, null);
  expect(new Uint8Array(place, PAGE)[3]).toBe(0);
  expect(native.release(place)).toBe(0);
  expect(native.release(place)).toBe(BAD_ADDR);
  native.disconnect(connection.handle, null);
  native.destroyExport(exporter.segment);
});

test('buffers: only whole pages of memory of this library can be exported', () => {
  const memory = good(native.allocate(PAGE + 1, 0));
  expect(memory.byteLength).toBe(PAGE + 1);
  expect(native.checkMemory(memory, 0, 2 * PAGE, false)).toBe(0);
  expect(native.checkMemory(memory, PAGE, PAGE, false)).toBe(0);
  expect(native.checkMemory(memory, PAGE, 2 * PAGE, false)).toBe(BAD_ADDR);
  expect(native.checkMemory(new ArrayBuffer(PAGE), 0, PAGE, false)).toBe(BAD_ADDR);
  expect(native.checkMemory(new SharedArrayBuffer(PAGE), 0, PAGE, false)).toBe(BAD_ADDR);
  expect(native.createExport(new ArrayBuffer(PAGE), 0, PAGE, 0)).toBe(BAD_ADDR);
  native.release(memory);
});

test('what is dropped without being closed goes with the garbage', async () => {
  const exporter = published(4);
  const cycle = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const connection = connected(exporter);
      const window = good(native.map(connection.handle, 0, PAGE, READ_WRITE, false, null, 0));
      if (i % 3 === 0) native.unmap(connection.handle, window);
      if (i % 3 === 1) native.disconnect(connection.handle, window);
      native.allocate(PAGE, 0);
    }
  };
  cycle(5);
  await collect();
  const before = counts();
  cycle(300);
  await expect
    .poll(async () => {
      await collect();
      const { descriptors, mappings } = counts();
      return [descriptors <= before.descriptors + 3, mappings <= before.mappings + 30];
    })
    .toEqual([true, true]);
  expect(native.importers(exporter.segment)).toBe(0);
  native.destroyExport(exporter.segment);
});

test('poll: entries as triples, events in the third', () => {
  const exporter = published();
  const connection = connected(exporter);
  const entries = new Int32Array([native.eventDescriptor(connection.handle), 1, 0, -1, 1, 9]);
  const start = performance.now();
  expect(native.poll(entries, 2, 30, 0)).toBe(0);
  expect(performance.now() - start).toBeGreaterThanOrEqual(29.9);
  native.post(exporter.segment, false);
  expect(native.poll(entries, 2, -1, 0)).toBe(1);
  expect([...entries.subarray(2)]).toEqual([1, -1, 1, 0]);
  expect(native.take(connection.handle)).toBe(true);
  expect(native.poll(entries, 2, 0, 0)).toBe(0);
  expect(native.wait(connection.handle, 0)).toBe(TIMEOUT);
  native.disconnect(connection.handle, null);
  native.destroyExport(exporter.segment);
});

test('watch: the callback of the last call counts, null ends it, microtasks run after each', async () => {
  const exporter = published();
  const { handle } = connected(exporter);
  const order: string[] = [];
  native.watch(handle, () => order.push('first'), true);
  await new Promise<void>((resolve) => {
    native.watch(
      handle,
      () => {
        native.take(handle);
        queueMicrotask(() => order.push('microtask'));
        setImmediate(() => order.push('immediate'));
        setImmediate(resolve);
      },
      true,
    );
    native.post(exporter.segment, false);
  });
  expect(order).toEqual(['microtask', 'immediate']);
  native.watch(handle, null, false);
  native.watch(handle, null, false);
  native.post(exporter.segment, false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(order.length).toBe(2);
  expect(native.take(handle)).toBe(true);
  native.disconnect(handle, null);
  native.destroyExport(exporter.segment);
});

test('the runtime directory: records, locks, the umask', () => {
  expect(() => native.openRecord(directory, 'exporter', 0, -1)).toThrow(
    expect.objectContaining({ code: 'EEXIST' }),
  );
  expect(() => native.openRecord(join(directory, 'none'), 'x', 0, -1)).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  );
  expect(readdirSync(directory)).toContain('exporter.s');

  const files = [1, 2].map(() => openSync(join(directory, 'lock'), 'a+'));
  const [one, two] = files as [number, number];
  expect(native.lockFile(one, true, 0)).toBe(true);
  expect(native.lockFile(two, false, 10)).toBe(false);
  expect(native.isLocked(two)).toBe(true);
  native.unlockFile(one);
  expect(native.isLocked(two)).toBe(false);
  for (const file of files) closeSync(file);
  expect(() => native.lockFile(one, true, 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));

  const before = process.umask(0o027);
  expect(native.umask()).toBe(0o027);
  process.umask(before);
  expect(native.pageSize()).toBe(PAGE);
});

test('mapFile and attachSystemV say what the system said', () => {
  const path = join(directory, 'exporter');
  expect(good(native.mapFile(path, 2, 4) as ArrayBuffer).byteLength).toBe(4);
  expect(native.mapFile(join(directory, 'none'), 0, -1)).toEqual({
    code: expect.any(Number),
    errno: 'ENOENT',
  });
  expect(native.mapFile(directory, 0, -1)).toMatchObject({ code: BAD_ADDR });
  expect(native.attachSystemV(-1)).toMatchObject({ code: expect.any(Number), errno: 'EINVAL' });
});
