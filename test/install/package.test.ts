/** The packed package, installed without running scripts into an empty project, on every Node it is for. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { environment, folder, install, NODES, nodeOf, root, smokeOf, succeed } from './scene.ts';

const project = folder();
let packed: string[];

beforeAll(() => {
  packed = install(project, `linux-${process.arch}-glibc`);
  writeFileSync(join(project, 'contents'), 'contents '.repeat(10_000));
});

describe('the package', () => {
  test('has the binary, and nothing that only this tree needs', () => {
    expect(packed).toContain(`prebuilds/linux-${process.arch}-glibc/loopback.node`);
    const native =
      'native/(binding|fabric|fabric_binding|glue|loopback)\\b|scripts/(build-native|native)\\.mjs$';
    const read = 'docs/(guide|reference|internals|decisions)/[^/]+\\.md$|examples/|packaging/|proto/';
    const places = new RegExp(`^(dist/|prebuilds/|${native}|src/cli/web/page/|${read}|[^/]+$)`);
    expect(packed.filter((path) => !places.test(path))).toEqual([]);
    expect(packed.filter((path) => path.startsWith('native/build'))).toEqual([]);
  });

  test('has what its pages lead to', () => {
    const pages = packed.filter((path) => path.endsWith('.md'));
    expect(pages).toContain('docs/guide/README.md');
    const links = pages.flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, to]) =>
        posix.join(posix.dirname(page), to!),
      ),
    );
    // The source is in the clone: what is installed is made of it.
    expect(links.filter((path) => !packed.includes(path) && !/^(src|test)\//.test(path))).toEqual([]);
  });

  describe.each(NODES)('on Node %s', (version) => {
    let env: NodeJS.ProcessEnv;
    let node: string;
    let unavailable: string | undefined;
    beforeAll(() => {
      try {
        node = nodeOf(version);
        env = environment(node);
      } catch (error) {
        unavailable = `npm could not get node-linux-${process.arch}@${version}: ${String(error).split('\n')[0]}`;
        console.error(unavailable);
      }
    });

    test('exports, connects, puts, gets and rebinds between two processes', (context) => {
      if (unavailable !== undefined) context.skip(unavailable);
      const said = succeed(project, node, ['smoke.mjs'], env).trim().split('\n');
      expect(said).toEqual(smokeOf(version));
    });

    test('npx rsm demo', (context) => {
      if (unavailable !== undefined) context.skip(unavailable);
      const said = succeed(project, 'npx', ['--no', 'rsm', 'demo', 'contents'], env);
      expect(said).toContain('All 4 results agree with the file on disk.');
    });
  });

  test('says what to do where its binary is gone, and that helps', () => {
    const installed = join(project, 'node_modules', 'rsmapi');
    rmSync(join(installed, 'prebuilds'), { recursive: true });
    const start = () => succeed(project, process.execPath, ['smoke.mjs']);
    expect(start).toThrow(
      /no native binary that works on linux-\w+: loopback\.node\. .*npm run build:native/s,
    );
    succeed(installed, 'npm', ['run', 'build:native']);
    expect(start()).toContain('rebound');
  });
});
