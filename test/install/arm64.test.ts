/**
 * The binary for 64-bit ARM, in an emulator of the processor: real Node.js for ARM, and the kernel of this machine.
 * The emulator runs one thread's instructions at a time in another order than a processor may: what the memory model
 * allows on ARM is not tried here.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { environment, folder, install, nodeOf, smokeOf, succeed } from './scene.ts';

/** The oldest and the newest. */
const VERSIONS = ['20.20.2', '26.9.0'];
const EMULATORS = ['qemu-aarch64-static', 'qemu-aarch64'];
/** The C and C++ libraries that Node.js asks for. */
const LIBRARIES = '/usr/aarch64-linux-gnu';

const emulator = EMULATORS.find((program) => spawnSync(program, ['--version']).error === undefined);
const missing = [
  emulator === undefined && 'qemu-user-static',
  !existsSync(`${LIBRARIES}/lib/libstdc++.so.6`) && 'libstdc++6-arm64-cross',
  spawnSync('aarch64-linux-gnu-gcc', ['--version']).error !== undefined && 'gcc-aarch64-linux-gnu',
].filter(Boolean);
const why =
  missing.length > 0 ? `the ARM binary is not run: apt-get install ${missing.join(' ')}` : undefined;
if (why !== undefined) console.error(why);

const project = folder();
beforeAll(() => {
  if (why === undefined) install(project, 'linux-arm64-glibc');
});

/** A program that is Node.js for ARM. */
function emulated(version: string): string {
  const program = join(folder(), 'node');
  const node = nodeOf(version, 'arm64');
  writeFileSync(program, `#!/bin/sh\nexec ${emulator} -L ${LIBRARIES} '${node}' "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

test.for(VERSIONS)(
  'exports, connects, puts, gets and rebinds between two processes: Node %s',
  (version, context) => {
    if (why !== undefined) context.skip(why);
    const node = emulated(version);
    // It starts the other process by this path; the kernel cannot start a program for ARM.
    const module = `data:text/javascript,${encodeURIComponent(`process.execPath='${node}'`)}`;
    const env = { ...environment(), NODE_OPTIONS: `--import ${module}` };
    expect(succeed(project, node, ['smoke.mjs'], env).trim().split('\n')).toEqual(smokeOf(version));
  },
);
