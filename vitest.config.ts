import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { anotherMachine } from './test/support/another-machine.ts';

/** It needs libfabric, which root has installed by test/support/packages.ts; that tells others. */
const BETWEEN_NODES = 'hosts';

/** Every folder of test/ that holds tests is a project: `npx vitest run --project conformance`. */
const root: string = import.meta.dirname;
const projects: string[] = readdirSync(join(root, 'test'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .filter((name) => readdirSync(join(root, 'test', name)).some((file) => file.endsWith('.test.ts')))
  .filter((name) => canReachNodes() || name !== BETWEEN_NODES);

const limits = { testTimeout: 30_000, hookTimeout: 30_000 };

const overOfi = {
  test: {
    ...limits,
    name: 'conformance-ofi0',
    include: ['test/conformance/**/*.test.ts'],
    exclude: ['test/conformance/coverage.test.ts'],
    globalSetup: ['./test/support/two-nodes.ts'],
    setupFiles: ['./test/support/without-plane.ts'],
    pool: anotherMachine,
    // All files have the same two nodes.
    fileParallelism: false,
  },
};

const report: string | undefined = process.env.VITEST_JSON;

export default defineConfig({
  test: {
    globalSetup: ['./test/support/packages.ts', './test/support/build.ts', './test/setup.ts'],
    // CI counts from the JSON (.ci/summary.mjs); people read the other.
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    maxWorkers: 2,
    projects: [
      ...projects.map((name) => ({
        test: {
          ...limits,
          name,
          include: [`test/${name}/**/*.test.ts`],
          // A crash of the addon must end one process, not the run; the threads pool would share it.
          pool: 'forks' as const,
        },
      })),
      // The same statements once more, between two nodes.
      ...(canReachNodes() ? [overOfi] : []),
    ],
  },
});

function canReachNodes(): boolean {
  return process.getuid?.() === 0 || existsSync(join(root, 'native/build/Release/fabric.node'));
}
