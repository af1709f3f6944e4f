/** `rsm doctor`: what is broken is found, and the command that is offered mends it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { tightest } from '../../src/cli/doctor/memory.ts';
import { exportIn } from '../support/actors.ts';
import { program, type RsmOptions, rsm, startOnTerminal, startProgram } from '../support/rsm.ts';
import { leftovers } from '../support/runtime.ts';
import { ALICE, BOB, directory, file, later, peer, root } from '../support/scene.ts';

interface Document {
  healthy: boolean;
  findings: Finding[];
}

/** What it finds, started through another program where there is one. */
async function examine(options: RsmOptions = {}, ...through: string[]): Promise<Document> {
  const [command = '', ...args] = [...through, process.execPath, program, 'doctor', '--json'];
  const { code, stdout, stderr } = await startProgram(command, args, options).ended;
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as Document;
  expect(code).toBe(document.healthy ? 0 : 1);
  return document;
}

const of = ({ findings }: Document, name: string) => findings.find((each) => each.name === name);

function folder(mode: number): string {
  const path = mkdtempSync(join(tmpdir(), 'rsm-test-doctor-'));
  later(() => rmSync(path, { recursive: true }));
  chmodSync(path, mode);
  return path;
}

test('a machine on which all the other tests run is healthy, and nothing is left', async () => {
  const { healthy, findings } = await examine();
  expect(findings.filter(({ state }) => state === 'problem')).toEqual([]);
  expect(healthy).toBe(true);
  expect(of({ healthy, findings }, 'sharing')).toMatchObject({ state: 'ok' });
  expect(leftovers(directory)).toEqual({ claims: [], records: [] });
});

test('every finding that is not well has something to say, and each note a command', async () => {
  const { findings } = await examine();
  for (const { state, says, mend } of findings) {
    expect(says.length).toBeGreaterThan(5);
    expect(mend !== undefined).toBe(state !== 'ok');
  }
});

test('people read a line for each, which fits the terminal', async () => {
  const { code, stdout } = await startOnTerminal(['doctor'], 80).ended;
  expect(code).toBe(0);
  const lines = stripVTControlCharacters(stdout).trimEnd().split('\r\n');
  // A command is in one line, to be copied.
  expect(lines.filter((line) => line.length > 80 && !/^ +\$/.test(line))).toEqual([]);
  expect(lines[0]).toMatch(/^ok {7}Node\.js +v/);
  expect((await rsm(['doctor'])).stdout).not.toContain('\u001b');
});

describe('the runtime directory', () => {
  test.each([
    ['that is none', () => '/dev/null'],
    ['that cannot be made', () => '/nowhere/rsm'],
  ])('%s is a problem', async (_, path) => {
    const document = await examine({ env: { RSM_RUNTIME_DIR: path() } });
    expect(document.healthy).toBe(false);
    expect(of(document, 'runtime directory')).toMatchObject({ state: 'problem' });
  });

  test('that everybody may tamper with is a problem, which the command mends', async () => {
    const path = folder(0o777);
    const env = { RSM_RUNTIME_DIR: path };
    const found = of(await examine({ env }), 'runtime directory');
    expect(found).toMatchObject({ state: 'problem', mend: `chmod 1777 ${path}` });
    execFileSync('sh', ['-c', found!.mend!]);
    expect(of(await examine({ env }), 'runtime directory')).toMatchObject({ state: 'ok' });
  });

  test.skipIf(!root)(
    'for all users in which a user owns the folder of users is noted; the command mends it',
    async () => {
      const path = folder(0o1777);
      const env = { RSM_RUNTIME_DIR: path };
      const before = of(await examine({ env }), 'users');
      expect(before).toMatchObject({ state: 'note', says: expect.stringContaining('who publishes first') });
      chownSync(join(path, 'u'), ALICE, ALICE);
      const found = of(await examine({ env, uid: BOB }), 'users');
      expect(found).toMatchObject({ state: 'note', says: expect.stringContaining(`${ALICE}`) });
      execFileSync('sh', ['-c', found!.mend!.replace('sudo ', '')]);
      expect(of(await examine({ env, uid: BOB }), 'users')).toBeUndefined();
      expect(statSync(join(path, 'u')).mode & 0o7777).toBe(0o1777);
      expect(of(await examine({ env: { RSM_RUNTIME_DIR: folder(0o700) } }), 'users')).toBeUndefined();
    },
  );

  test.skipIf(!root)('of another user that may only be read is a note', async () => {
    const env = { RSM_RUNTIME_DIR: folder(0o755) };
    const found = of(await examine({ env, uid: ALICE }), 'runtime directory');
    expect(found).toMatchObject({ state: 'note' });
    expect(found!.says).toContain('not publish');
  });

  test('that is not there yet is fine where it can be made', async () => {
    const path = join(folder(0o700), 'node');
    expect(of(await examine({ env: { RSM_RUNTIME_DIR: path } }), 'runtime directory')).toMatchObject({
      state: 'ok',
      says: expect.stringContaining('made on first use'),
    });
  });

  test.skipIf(!root)('for all users that has other rights is named, and the command mends it', async () => {
    const script = (then: string) =>
      `mount -t tmpfs none /run && mkdir -m 0755 /run/rsm && ${then} exec "$0" "$@"`;
    const inside = (then: string) => ['unshare', '--mount', 'sh', '-c', script(then)];
    const env = { RSM_RUNTIME_DIR: '' };
    const wrong = await examine({ env }, ...inside(''));
    const found = of(wrong, 'shared directory');
    expect(found).toMatchObject({ state: 'note', says: expect.stringContaining('1777') });
    const right = await examine({ env }, ...inside(`${found!.mend!.replace('sudo ', '')} &&`));
    expect([of(right, 'shared directory'), of(right, 'users')]).toEqual([undefined, undefined]);
    expect(of(right, 'runtime directory')).toMatchObject({
      state: 'ok',
      says: expect.stringContaining('/run/rsm'),
    });
  });

  test.skipIf(!root)(
    'with what killed processes of somebody left is noted, and the command mends it',
    async () => {
      const killed = await peer({ uid: ALICE });
      await exportIn(killed);
      await killed.kill();
      const document = await examine({ uid: BOB });
      expect(document.healthy).toBe(true);
      const found = of(document, 'leftovers');
      expect(found).toMatchObject({ state: 'note', mend: `sudo -u '#${ALICE}' rsm topology` });
      expect(await rsm(['topology'], { uid: ALICE })).toMatchObject({ code: 0 });
      expect(of(await examine({ uid: BOB }), 'leftovers')).toBeUndefined();
    },
  );
});

test('a configuration that cannot be used is a problem, with file and line', async () => {
  const config = file('[limits]\nmax-segments = -1\n');
  const document = await examine({ env: { RSM_CONFIG: config } });
  expect(of(document, 'configuration')).toMatchObject({
    state: 'problem',
    says: expect.stringContaining(`${config}:2`),
  });
});

describe('limits', () => {
  test.each([
    ['--nofile=63', 'open files', 'problem'],
    ['--nofile=500', 'open files', 'note'],
    ['--memlock=0', 'locked memory', 'note'],
    ['--fsize=1000000', 'file size', 'note'],
  ])('prlimit %s: %s is a %s', async (limit, name, state) => {
    const found = of(await examine({}, 'prlimit', limit), name);
    expect(found).toMatchObject({ state, mend: expect.any(String) });
  });
});

describe('a control group', () => {
  /** Files of a machine, by their paths. */
  function machine(files: Record<string, string>): string {
    const base = folder(0o700);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(base, path)), { recursive: true });
      writeFileSync(join(base, path), text);
    }
    return base;
  }

  test('of version 2 counts with all that it is in', () => {
    const base = machine({
      'proc/self/cgroup': '0::/a/b\n',
      'sys/fs/cgroup/a/memory.max': '1000\n',
      'sys/fs/cgroup/a/memory.current': '900\n',
      'sys/fs/cgroup/a/b/memory.max': 'max\n',
      'sys/fs/cgroup/a/b/memory.current': '100\n',
    });
    const path = join(base, 'sys/fs/cgroup/a/memory.max');
    expect(tightest(base)).toEqual({ limit: 1000, used: 900, path });
  });

  test('of version 1, seen from a container', () => {
    const base = machine({
      'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/docker/0123\n0::/\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '2000\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '500\n',
    });
    expect(tightest(base)).toMatchObject({ limit: 2000, used: 500 });
  });

  test('without a limit is none', () => {
    const base = machine({
      'proc/self/cgroup': '4:memory:/\n0::/\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '500\n',
    });
    expect(tightest(base)).toBeUndefined();
    expect(tightest(folder(0o700))).toBeUndefined();
  });
});

describe.skipIf(!root)('libfabric', () => {
  /** As if it were not installed. */
  const hidden = (): string[] => {
    const nothing = file('');
    const hide = `for f in $(find /usr/lib /lib -name 'libfabric.so.1*'); do mount --bind ${nothing} $f; done`;
    return ['unshare', '--mount', 'sh', '-c', `${hide}; exec "$0" "$@"`];
  };

  test('that is not there is a note', async () => {
    const found = of(await examine({}, ...hidden()), 'libfabric');
    expect(found).toMatchObject({ state: 'note', mend: expect.stringMatching(/libfabric(1|-dev)/) });
  });

  test('that is not there is a problem of a node of a cluster', async () => {
    const config = file(CLUSTER);
    const found = of(await examine({ env: { RSM_CONFIG: config } }, ...hidden()), 'libfabric');
    expect(found).toMatchObject({ state: 'problem', says: expect.stringContaining('no other node') });
  });
});

const CLUSTER = `[gateway]
listen = "127.0.0.1:7460"
certificate = "x.crt"
key = "x.key"
authority = "ca.crt"
[controllers.ofi0]
address = "127.0.0.1"
`;
