/** `rsm ls` and `rsm importers`: who has what. */
import { chmodSync, readdirSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportIn, importIn } from '../support/actors.ts';
import { program, rsm, rsmJson, startOnTerminal, startRsm, startShell } from '../support/rsm.ts';
import { runtimeDirectory } from '../support/runtime.ts';
import { ALICE, BOB, directory, file, peer, root } from '../support/scene.ts';

interface Document {
  node: number;
  directory: string;
  segments: Record<string, unknown>[];
}

let empty: string;
beforeAll(() => {
  empty = runtimeDirectory({ own: false });
});

describe('ls', () => {
  test('of a node on which nobody is says nothing, and makes nothing', async () => {
    const env = { RSM_RUNTIME_DIR: empty };
    expect(await rsm(['ls'], { env })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await rsmJson(['ls'], { env })).toEqual({ node: 0, directory: empty, segments: [] });
    expect(readdirSync(empty)).toEqual([]);
    const { stdout } = await startOnTerminal(['ls'], 80, { env }).ended;
    expect(stdout.trim()).toBe(`Nobody has a segment on node 0 (${empty}).`);
  });

  test('shows segments by their ids, with what they are', async () => {
    const exporter = await peer();
    await exportIn(exporter, { id: 0x600001, permission: 0o640 });
    await importIn(await peer(), 0x600001);
    await startRsm(['export', file('x'), '--id', '0x600000']).firstLine();
    const { stdout } = await rsm(['ls']);
    const [head, first, second, ...rest] = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(head).toEqual([
      'SEGMENT',
      'LENGTH',
      'USER',
      'PID',
      'IMPORTERS',
      'ACCESS',
      'POSTS',
      'WAITS',
      'AGE',
      'COMMAND',
    ]);
    expect(first!.slice(0, 2)).toEqual(['0:0x600000', '4.0 KiB']);
    expect(first!.at(-1)).toMatch(/rsm\.js export/);
    expect(second!.slice(0, 2)).toEqual(['0:0x600001', '8.0 KiB']);
    expect(second!.slice(3, 8)).toEqual([String(exporter.pid), '1', '0:0640', '0', '0']);
    expect(rest).toEqual([['']]);
  });

  test('has all of it in JSON', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter, { permission: 0o444, readOnly: true });
    const { segments } = await rsmJson<Document>(['ls', '0']);
    expect(segments).toHaveLength(1);
    expect(segments[0]).toMatchObject({
      segment: `0:0x${id.toString(16)}`,
      id,
      byteLength: 8192,
      readOnly: true,
      owner: { uid: process.getuid!(), pid: exporter.pid, thread: 0, node: 0 },
      access: { count: 1, entries: [{ node: 0, permission: 0o444 }] },
      importerCount: 0,
      counters: { connects: 0, posts: 0 },
    });
  });

  test('reads processes that hang', async () => {
    const exporter = await peer();
    const id = await exportIn(exporter);
    await exporter.stop();
    const { segments } = await rsmJson<Document>(['ls']);
    exporter.resume();
    expect(segments).toMatchObject([{ id }]);
  });

  test.skipIf(!root)('shows other users their number, and of the others no command', async () => {
    await exportIn(await peer({ uid: ALICE }), { id: 0x600000 });
    const { stdout } = await rsm(['ls'], { uid: BOB });
    expect(stdout.split('\n')[1]).toContain(`  ${ALICE}  `);
  });

  test('of another node says that it cannot', async () => {
    const { code, stdout, stderr } = await rsm(['ls', '5']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^rsm: .*node 5 .*\(RSMERR_REMOTE_NODE_UNREACHABLE\)\n$/);
  });

  test('of a directory that cannot be used says why', async () => {
    const { code, stderr } = await rsm(['ls'], { env: { RSM_RUNTIME_DIR: '/dev/null' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: .*\/dev\/null.*\(RSMERR_CTLR_NOT_PRESENT\)\n$/);
  });

  test.each([20, 40, 80, 200])('fits a terminal of %i columns', async (columns) => {
    const exporter = await peer();
    await exportIn(exporter, { id: 0x600000, permission: 0o640 });
    const { code, stdout } = await startOnTerminal(['ls'], columns).ended;
    expect(code).toBe(0);
    const lines = stripVTControlCharacters(stdout).trimEnd().split('\r\n');
    expect(lines).toHaveLength(2);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.max(columns, 45));
    expect(lines[1]).toContain('0:0x600000');
    expect(lines[1]!.includes('peer.mjs')).toBe(columns === 200);
    // Heads are bold where it is seen.
    expect(stdout).toContain('\u001b[1mSEGMENT');
  });

  test('has no colours in a pipe, nor where NO_COLOR is set', async () => {
    await startRsm(['export', file('x')]).firstLine();
    expect((await rsm(['ls'])).stdout).not.toContain('\u001b');
    const { stdout } = await startOnTerminal(['ls'], 80, { env: { NO_COLOR: '1' } }).ended;
    expect(stdout).not.toContain('\u001b[1m');
  });

  test('lets nobody command the terminal by the name of his process', async () => {
    const name = "$'a\\e[2J\\u202eb\\r日本語'";
    const line = `exec -a ${name} "${process.execPath}" "${program}" export ${file('x')} --id 0x600000`;
    await startShell(line).firstLine();
    for (const [args, columns] of [
      [['ls'], 80],
      [['ls'], 200],
      [['top', '--count', '1', '--interval', '0.1'], 200],
    ] as const) {
      const { stdout } = await startOnTerminal([...args], columns).ended;
      for (const command of ['\u001b[2J', '\u202e', 'b\r日']) expect(stdout).not.toContain(command);
      if (columns === 200) expect(stdout).toContain('a?[2J?b?日本語');
    }
  });

  test('ends well with a reader that has enough', async () => {
    await startRsm(['export', file('x')]).firstLine();
    const { code, stdout, stderr } = await startShell('set -o pipefail; rsm ls | head -1; rsm ls | true')
      .ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^SEGMENT .*\n$/);
  });
});

describe('importers', () => {
  test('shows each connection: of whom, for what, and what is mapped', async () => {
    const id = await exportIn(await peer(), { permission: 0o666 });
    const [first, second] = [await peer(), await peer(root ? { uid: ALICE } : {})];
    await importIn(first, id, 'window');
    await importIn(first, id, 'whole', { mode: 'r' });
    await importIn(second, id, 'none', { mode: 'w' });
    const { stdout } = await rsm(['importers', `0:${id}`]);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/));
    expect(lines[0]!.slice(0, 5)).toEqual(['NODE', 'PID', 'USER', 'MODE', 'MAPPED']);
    const rows = lines.slice(1).map(([, pid, , mode, mapped]) => [Number(pid), mode, mapped]);
    expect(rows).toHaveLength(3);
    expect(rows).toEqual(
      expect.arrayContaining([
        [first.pid, 'rw', '4.0 KiB at 4096'],
        [first.pid, 'r', 'all'],
        [second.pid, 'w', '-'],
      ]),
    );
  });

  test('has counters in JSON', async () => {
    const id = await exportIn(await peer());
    const importer = await peer();
    await importIn(importer, id);
    const document = await rsmJson<Record<string, unknown>>(['importers', String(id)]);
    expect(document).toMatchObject({
      segment: `0:0x${id.toString(16)}`,
      importerCount: 1,
      importers: [{ pid: importer.pid, node: 0, mode: 'rw', mapped: { offset: 0, length: 8192 } }],
    });
  });

  test.skipIf(!root)(
    'shows one that may not write to the directory, as far as the exporter knows',
    async () => {
      const id = await exportIn(await peer({ uid: ALICE }), { permission: 0o666 });
      chmodSync(`${directory}/u`, 0o755);
      try {
        const importer = await peer({ uid: BOB });
        await importIn(importer, id);
        const { stdout } = await rsm(['importers', String(id)]);
        expect(stdout.split('\n')[1]).toMatch(new RegExp(`^ +0 +${importer.pid} +${BOB} +rw +\\?`));
      } finally {
        chmodSync(`${directory}/u`, 0o1777);
      }
    },
  );

  test('of what nobody imports, and of what nobody publishes', async () => {
    const id = await exportIn(await peer());
    expect(await rsm(['importers', String(id)])).toEqual({ code: 0, stdout: '', stderr: '' });
    const { code, stderr } = await rsm(['importers', '0x600009']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rsm: .*0:0x600009.*\(RSMERR_SEG_NOT_PUBLISHED\)\n$/);
  });
});
