/** Where one code has several causes the message says which, and what to do. */
import { expect, test } from 'vitest';
import { allocate, mapFile } from '../../src/api/index.ts';
import { file, later, openEnd, PAGE, peer } from '../support/scene.ts';

test('C-032 what cannot be mapped as a file is BAD_ADDR or BAD_LENGTH, and says why', () => {
  const fails = (path: string, options: object, code: string, why: string): void => {
    expect(() => mapFile(path, options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(why) }),
    );
  };
  const empty = file('');
  fails('/dev/zero', {}, 'RSMERR_BAD_ADDR', '/dev/zero is not a regular file');
  fails('/', {}, 'RSMERR_BAD_ADDR', '/ is not a regular file');
  fails(`${empty}\0`, {}, 'RSMERR_BAD_ADDR', 'without zero bytes');
  fails(empty, {}, 'RSMERR_BAD_LENGTH', `${empty} has no such range: it is empty`);
  fails(file('abc'), { offset: 1, length: 3 }, 'RSMERR_BAD_LENGTH', 'has no such range');
});

test('D-52 a range that partly overlaps an exported one says so, not that descriptors are out', () => {
  const opened = openEnd('exporting');
  const memory = allocate(2 * PAGE);
  const whole = opened.createExport(memory, { allowRebind: true });
  const half = opened.createExport(allocate(PAGE), { allowRebind: true });
  later(() => {
    whole.close();
    half.close();
  });
  const part = new Uint8Array(memory, PAGE);
  expect(() => opened.createExport(part)).toThrow(/create: the range partly overlaps an exported one/);
  expect(() => half.rebind(part)).toThrow(/rebind: the range partly overlaps an exported one/);
});

test('C-027 a create that cannot start the agent names both limits, and works when there is room', async () => {
  const small = await peer({ limits: ['--nofile=100:100'] });
  const messages = await small.run(({ api }) => {
    const { openSync, closeSync } = process.getBuiltinModule('node:fs');
    const controller = api.openController();
    const memory = api.allocate(4096);
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // the limit is reached
    }
    const said: string[] = [];
    for (;;) {
      try {
        controller.createExport(memory).close();
        for (const fd of taken) closeSync(fd);
        controller.close();
        return said;
      } catch (error) {
        said.push((error as Error).message);
        closeSync(taken.pop()!);
      }
    }
  });
  for (const message of messages) expect(message).toMatch(/^create: .* \(RSMERR_INSUFFICIENT_RESOURCES\)$/);
  expect(messages.join()).toContain('left for the agent (ulimit -u, ulimit -n)');
});
