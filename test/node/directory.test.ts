import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openNode } from '../../src/node/index.ts';
import { compile, preloaded } from '../support/program.ts';
import { peer } from '../support/scene.ts';
import { as, directory, publish, withNode } from './scene.ts';

/** A user that nobody is. */
const NOBODY = 54_321;
const personal = `/tmp/rsm-${NOBODY}`;

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(personal, { recursive: true, force: true });
});

describe('the runtime directory', () => {
  test('is RSM_RUNTIME_DIR, else what the configuration says; it is made where it is missing', () => {
    const file = join(directory, 'rsm.toml');
    writeFileSync(file, `[node]\nid = 7\nruntime = "${directory}/made"\n`);
    vi.stubEnv('RSM_CONFIG', file);
    withNode((node) => expect(node).toMatchObject({ directory, id: 7 }));
    vi.stubEnv('RSM_RUNTIME_DIR', '');
    withNode((node) => expect(node.directory).toBe(`${directory}/made`));
    expect(statSync(`${directory}/made`).mode & 0o777).toBe(0o700);
    rmSync(`${directory}/made`, { recursive: true });
    rmSync(file);
  });

  test('that cannot be held is not used, and not kept open', async () => {
    const opener = await peer({ env: { LD_PRELOAD: preloaded(compile('no-flock', ['-shared', '-fPIC'])) } });
    const { code, message, more } = await opener.run(({ api }) => {
      const { readdirSync } = process.getBuiltinModule('node:fs');
      const before = readdirSync('/proc/self/fd').length;
      try {
        api.openController();
        return { code: 'none', message: '', more: 0 };
      } catch (error) {
        const more = readdirSync('/proc/self/fd').length - before;
        return { code: (error as { code: string }).code, message: (error as Error).message, more };
      }
    });
    expect({ code, more }).toEqual({ code: 'RSMERR_CTLR_NOT_PRESENT', more: 0 });
    expect(message).toMatch(/the runtime directory .* cannot be used: .*, flock/);
  });

  test.skipIf(existsSync('/run/rsm'))('is /tmp/rsm-UID, 0700, where nothing is said', () => {
    vi.stubEnv('RSM_RUNTIME_DIR', '');
    as(NOBODY, () => withNode((node) => expect(node.directory).toBe(personal)));
    expect(statSync(personal)).toMatchObject({ uid: NOBODY, mode: 0o40700 });
  });

  test.skipIf(existsSync('/run/rsm'))('is not used when it is a link', () => {
    vi.stubEnv('RSM_RUNTIME_DIR', '');
    mkdirSync(`${directory}/elsewhere`);
    chownSync(`${directory}/elsewhere`, NOBODY, 0);
    symlinkSync(`${directory}/elsewhere`, personal);
    expect(() => as(NOBODY, openNode)).toThrow(
      expect.objectContaining({
        code: 'RSMERR_CTLR_NOT_PRESENT',
        message: expect.stringContaining(personal),
      }),
    );
    rmSync(`${directory}/elsewhere`, { recursive: true });
  });

  test.skipIf(existsSync('/run/rsm'))("is not used when it is someone else's", () => {
    vi.stubEnv('RSM_RUNTIME_DIR', '');
    mkdirSync(personal, { mode: 0o777 });
    expect(() => as(NOBODY, openNode)).toThrow(/belongs to uid 0; it is not used/);
  });

  test('that cannot be entered is a clear error', () => {
    vi.stubEnv('RSM_RUNTIME_DIR', `${directory}/missing/deep`);
    expect(() => openNode()).toThrow(
      expect.objectContaining({
        code: 'RSMERR_CTLR_NOT_PRESENT',
        message: expect.stringContaining('ENOENT'),
      }),
    );
  });

  test.each(['file', 'fifo'])('that is a %s is a clear error at once', (kind) => {
    const path = `${directory}/${kind}`;
    spawnSync(kind === 'file' ? 'touch' : 'mkfifo', [path]);
    vi.stubEnv('RSM_RUNTIME_DIR', path);
    expect(() => openNode()).toThrow(
      expect.objectContaining({
        code: 'RSMERR_CTLR_NOT_PRESENT',
        message: expect.stringContaining('ENOTDIR'),
      }),
    );
    rmSync(path);
  });

  test('whose u is a link is not published in, and nothing is made where the link leads', () => {
    const planted = `${directory}/planted`;
    const elsewhere = `${directory}/elsewhere`;
    mkdirSync(planted, { mode: 0o1777 });
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, `${planted}/u`);
    vi.stubEnv('RSM_RUNTIME_DIR', planted);
    withNode((node) => expect(() => publish(node)).toThrow(/u is not a directory: remove it/));
    expect(readdirSync(elsewhere)).toEqual([]);
    rmSync(planted, { recursive: true });
    rmSync(elsewhere, { recursive: true });
  });

  test('that was removed under a process is what a publish names', async () => {
    const removed = `${directory}/removed`;
    const exporter = await peer({ env: { RSM_RUNTIME_DIR: removed } });
    const message = await exporter.run(({ api }, path: string) => {
      const segment = api.openController().createExport(api.allocate(4096));
      process.getBuiltinModule('node:fs').rmSync(`${path}/u`, { recursive: true });
      try {
        return segment.publish();
      } catch (error) {
        return (error as Error).message;
      }
    }, removed);
    expect(message).toMatch(
      /^publish: cannot write to the runtime directory .*removed: if it was removed under/,
    );
    rmSync(removed, { recursive: true });
  });

  test('is left alone by tmp cleaners while a node is open', () => {
    const cleaner = () => spawnSync('flock', ['--nonblock', '--exclusive', directory, 'true']).status;
    withNode(() => withNode(() => expect(cleaner()).not.toBe(0)));
    expect(cleaner()).toBe(0);
  });

  test('lets every user take part whatever the umask, and gets nothing from an importer', () => {
    const before = process.umask(0o077);
    withNode((node) => {
      expect(existsSync(`${directory}/u/0`)).toBe(false);
      publish(node).unpublish();
    });
    process.umask(before);
    const mode = (path: string) => statSync(`${directory}/${path}`).mode & 0o7777;
    expect([mode('node.lock'), mode('u'), mode('u/0')]).toEqual([0o666, 0o1777, 0o755]);
  });

  test("is not published in when the user's part of it is someone else's", () => {
    mkdirSync(`${directory}/u/${NOBODY}`);
    as(NOBODY, () =>
      withNode((node) => expect(() => publish(node)).toThrow(/belongs to uid 0; it is not used/)),
    );
    rmSync(`${directory}/u/${NOBODY}`, { recursive: true });
  });
});
