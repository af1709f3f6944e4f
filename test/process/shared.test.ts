/** `map({ shared: true })`: a SharedArrayBuffer on the mapping, where the runtime can make one. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { leftovers } from '../support/runtime.ts';
import { directory } from '../support/scene.ts';

const program = fileURLToPath(new URL('./programs/shared.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** The first release of each line that has it; not asked of the addon, whose answer is what is tested. */
const SINCE: Record<number, [number, number]> = { 22: [23, 3], 24: [16, 0], 26: [1, 0] };
const [major, minor, patch] = process.versions.node.split('.').map(Number) as [number, number, number];
const [sinceMinor, sincePatch] = SINCE[major] ?? [Number.POSITIVE_INFINITY, 0];
const here = major > 26 || minor > sinceMinor || (minor === sinceMinor && patch >= sincePatch);
const reason = here
  ? ''
  : ` [Node.js ${process.version} cannot wrap foreign memory: from 22.23.3, 24.16, 26.1]`;

async function play(scene: string): Promise<unknown> {
  const env = { ...process.env, RSM_TEST_DIST: dist };
  const args = ['--expose-gc', program, scene];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

afterEach(() => {
  expect(leftovers(directory), 'files of the scene').toEqual({ claims: [], records: [] });
});

describe.skipIf(!here)(`a mapping as a SharedArrayBuffer${reason}`, () => {
  test('serves several workers, puts, gets, barriers and rebind', async () => {
    expect(await play('posted')).toEqual({
      kind: '[object SharedArrayBuffer]',
      bytes: 4,
      seen: [7, 30_000, 8],
      got: [7, 30_000],
      rebound: 9,
    });
  });

  test('C-160 leads to scratch memory after unmap and after close', async () => {
    const scratch = { exporters: 5, again: 5, closed: 5 };
    expect(await play('unmapped')).toEqual({ before: 5, length: 8192, ...scratch });
  });

  test('C-161 leads to scratch memory after an abort, under a worker that stores all the time', async () => {
    expect(await play('aborted')).toEqual({ code: 'RSMERR_CONN_ABORTED', after: 0 });
  });

  test('keeps its segment connected when only another thread has it', async () => {
    expect(await play('forgotten')).toEqual({ total: 3_000_000, importers: 1 });
  });

  test('outlives the thread that mapped it, and is given back', async () => {
    expect(await play('outlived')).toEqual({ collected: true });
  });

  test('is given back when it is closed and collected', async () => {
    expect(await play('collected')).toEqual({ collected: true, total: 50 });
  });
});

test.skipIf(here)(
  'where there is none, the error says what is missing and from which version on',
  async () => {
    expect(await play('refused')).toEqual({
      code: 'RSMERR_MAP_FAILED',
      says: `Node.js ${process.version} cannot wrap foreign memory as a SharedArrayBuffer`,
      since: '22.23.3, 24.16, 26.1',
      mapped: 8192,
    });
  },
);
