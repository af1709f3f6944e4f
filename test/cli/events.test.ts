/** `rsm wait` and `rsm post`: events from a shell. */
import { describe, expect, test } from 'vitest';
import { exportIn, until } from '../support/actors.ts';
import { rsm, rsmJson, type Started, startRsm, startShell } from '../support/rsm.ts';
import { file, peer } from '../support/scene.ts';

/** Resolves when so many are connected to the segment. */
async function connected(name: string, count: number): Promise<void> {
  await until(async () => {
    const { importerCount } = await rsmJson<{ importerCount: number }>(['importers', name]);
    return importerCount === count;
  });
}

async function waiting(name: string, ...options: string[]): Promise<Started> {
  const started = startRsm(['wait', name, ...options]);
  await connected(name, 1);
  return started;
}

const exported = () => startRsm(['export', file('x')]).firstLine();

describe('wait', () => {
  test('ends when somebody posts, and says nothing', async () => {
    const name = await exported();
    const waiter = await waiting(name);
    expect(await rsm(['post', name])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await waiter.ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('wakes all who wait', async () => {
    const name = await exported();
    const waiters = [1, 2, 3].map(() => startRsm(['wait', name]));
    await connected(name, 3);
    await rsm(['post', name]);
    for (const waiter of waiters) expect((await waiter.ended).code).toBe(0);
  });

  test('counts events, and tells each in a line of JSON', async () => {
    const name = await exported();
    const waiter = await waiting(name, '--count', '3', '--json');
    expect(await rsmJson(['post', name, '--count', '3'])).toMatchObject({ segment: name, count: 3 });
    const { code, stdout } = await waiter.ended;
    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: number });
    expect(lines).toMatchObject([1, 2, 3].map((event) => ({ segment: name, event })));
  });

  test('ends with a code when the time is over', async () => {
    const { code, stdout, stderr } = await rsm(['wait', await exported(), '--timeout', '0.05']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^rsm: .*\(RSMERR_TIMEOUT\)\n$/);
  });

  test('ends with a code when the exporter goes', async () => {
    const exporter = startRsm(['export', file('x')]);
    const waiter = await waiting(await exporter.firstLine());
    await exporter.end('SIGINT');
    const { code, stderr } = await waiter.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: .*\(RSMERR_CONN_ABORTED\)\n$/);
  });

  test('ends at SIGINT, and leaves no connection', async () => {
    const name = await exported();
    const waiter = await waiting(name);
    expect(await waiter.end('SIGINT')).toEqual({ code: 130, stdout: '', stderr: '' });
    await connected(name, 0);
  });

  test('works for whoever may only write', async () => {
    const id = await exportIn(await peer(), { permission: 0o222 });
    expect(await rsm(['wait', String(id), '--timeout', '0'])).toMatchObject({ code: 1 });
  });
});

test('post satisfies waits of the exporter, one each, although it is gone by then', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  await rsm(['post', String(id), '--count', '3']);
  const taken = await exporter.run(({ kept }) => {
    const { segment } = kept as unknown as { segment: import('../../src/api/index.ts').ExportSegment };
    return [1, 2, 3, 4].map(() => segment.waitSync(0));
  });
  expect(taken).toEqual([true, true, true, false]);
});

test.each([
  ['wait 1 --count 0', 'above zero'],
  ['wait 1 --timeout soon', 'number of seconds'],
  ['wait 1 --timeout 1e9', 'number of seconds'],
  ['wait', 'missing required argument'],
  ['post 1 2', 'too many arguments'],
  ['post 1 --count 1.5', 'above zero'],
])('%s is wrong usage', async (line, sentence) => {
  const { code, stdout, stderr } = await startShell(`rsm ${line}`).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(sentence);
});
