/** `rsm top`: what happens, as it happens. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { ImportSegment } from '../../src/api/index.ts';
import { exportIn, importIn } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { rsm, type Started, startOnTerminal, startRsm, startShell } from '../support/rsm.ts';
import { peer } from '../support/scene.ts';

interface Line {
  total: { bytesPut: number; puts: number; posts: number };
  segments: { id: number; rates: { bytesPut: number; puts: number } }[];
}

/** Puts and posts, all the time. */
async function busy(): Promise<{ id: number; importer: Peer }> {
  const id = await exportIn(await peer());
  const importer = await peer();
  await importIn(importer, id);
  await importer.run(({ kept }) => {
    const [segment] = (kept as unknown as { imports: ImportSegment[] }).imports;
    setInterval(() => {
      segment!.put(0, new Uint8Array(1000));
      segment!.post();
    }, 1).unref();
  });
  return { id, importer };
}

const shows = (started: Started, text: string | RegExp) =>
  expect.poll(() => stripVTControlCharacters(started.said()), { timeout: 30_000 }).toMatch(text);

describe('in a pipe', () => {
  test('is a line for each look, with what happened in between', async () => {
    await busy();
    const { code, stdout, stderr } = await rsm(['top', '--interval', '0.2', '--count', '3']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, ...lines] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ +TIME +PROCESSES +SEGMENTS +CONNECTIONS +PUT\/s +GET\/s +EVENTS\/s/);
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\S+Z +2 +1 +1 +[\d.]+ (B|KiB|MiB) +0 B /);
      expect(line.length).toBe(head!.length);
    }
    expect(stdout).not.toContain('\u001b');
  });

  test('is a document for each look with --json, in which rates agree', async () => {
    const { id } = await busy();
    const { code, stdout } = await rsm(['top', '--json', '--interval', '0.5', '--count', '2']);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(lines).toHaveLength(2);
    for (const { total, segments } of lines) {
      expect(segments.map((each) => each.id)).toEqual([id]);
      expect(total.puts).toBeGreaterThan(0);
      expect(total.posts).toBeGreaterThan(0);
      expect(total.bytesPut / total.puts).toBeCloseTo(1000);
      expect(segments[0]!.rates.bytesPut).toBe(total.bytesPut);
    }
  });

  test('ends well when its reader has enough', async () => {
    const line = 'set -o pipefail; rsm top --interval 0.1 | head -2';
    expect(await startShell(line).ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends well at SIGINT', async () => {
    const top = startRsm(['top', '--json', '--interval', '0.1']);
    await top.firstLine();
    expect(await top.end('SIGINT')).toMatchObject({ code: 0, stderr: '' });
  });

  test('shows a process that hangs', async () => {
    const { importer, id } = await busy();
    await importer.stop();
    const { stdout } = await rsm(['top', '--json', '--interval', '0.1', '--count', '1']);
    importer.resume();
    expect((JSON.parse(stdout) as Line).segments).toMatchObject([{ id, rates: { puts: 0 } }]);
  });
});

describe('on a terminal', () => {
  test('is a screen that goes on until Ctrl-C, which leaves it and the cursor', async () => {
    const { id } = await busy();
    const top = startOnTerminal(['top', '--interval', '0.1'], 80);
    await shows(top, new RegExp(`0:0x${id.toString(16)} +[\\d.]+ (B|KiB|MiB) `));
    await shows(top, 'rsm top  node 0');
    top.child.stdin!.write('\u0003');
    const { code, stdout } = await top.ended;
    expect(code).toBe(0);
    // Hidden while it is live.
    expect(stdout.lastIndexOf('\u001b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\u001b[?25l'));
  });

  test.each([60, 80, 200])('fits %i columns', async (columns) => {
    await busy();
    const top = startOnTerminal(['top', '--interval', '0.1', '--count', '3'], columns);
    const { stdout } = await top.ended;
    const lines = stripVTControlCharacters(stdout).split(/[\r\n]+/);
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
  });
});

test.each(['0', '0.05', '-1', 'x'])('--interval %s is wrong usage', async (interval) => {
  expect(await rsm(['top', `--interval=${interval}`])).toMatchObject({ code: 2, stdout: '' });
});
