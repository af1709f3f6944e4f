/** What ended processes had is given back. Of a living one: lifetimes.test.ts. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { killed } from '../support/runtime.ts';
import '../support/scene.ts';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

test('the memory of ended processes is given back to the system', async () => {
  const shared = (): number => Number(/^Shmem:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]);
  const before = shared();
  const env = { ...process.env, RSM_TEST_DIST: dist };
  const source = `
    const api = await import(process.env.RSM_TEST_DIST + '/api/index.js');
    const memory = api.allocate(256 * 1024 * 1024);
    new Uint8Array(memory).fill(1);
    const controller = api.openController();
    const id = controller.createExport(memory).publish();
    new Uint8Array((await controller.connect({ id, mode: 'rw' })).map()).fill(2);
    process.kill(process.pid, 'SIGKILL');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], { env });
  killed.add(run.child.pid!);
  await expect(run).rejects.toMatchObject({ signal: 'SIGKILL' });
  // Half of it: other tests allocate meanwhile.
  while (shared() - before > 128 * 1024) await new Promise((resolve) => setTimeout(resolve, 20));
});
