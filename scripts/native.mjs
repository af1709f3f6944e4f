// Building the addons, for this machine (build-native.mjs) and for others (prebuild.mjs).
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const native = join(import.meta.dirname, '..', 'native');
const OTHERS = ['build', 'test', 'fuzz'];
/** What the addons are made of. */
export const SOURCES = readdirSync(native).filter((name) => !OTHERS.includes(name));

/** The addons in that folder. */
export function addonsIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((file) => (file.endsWith('.node') ? [join(folder, file)] : []));
}

/** The fabric addon is built where libfabric's headers are, and for glibc: it finds functions by their versions. */
const OF_FABRIC = `#include <features.h>
#ifndef __GLIBC__
#error
#endif
#include <rdma/fabric.h>`;

/** Whether that compiler can build the fabric addon. */
export function canBuildFabric(compiler, { CFLAGS = '' } = {}) {
  const [program, ...words] = `${compiler} ${CFLAGS}`.trim().split(/\s+/);
  const options = { input: OF_FABRIC, stdio: ['pipe', 'ignore', 'ignore'] };
  return spawnSync(program, [...words, '-E', '-x', 'c', '-'], options).status === 0;
}

/** Whether there are addons in that folder, all that can be, and newer than everything they are made of. */
export function isCurrent(folder, fabric) {
  const built = addonsIn(folder).map((addon) => statSync(addon).mtimeMs);
  const paths = SOURCES.map((name) => join(native, name));
  const sources = paths.flatMap((path) =>
    statSync(path).isFile() ? [path] : readdirSync(path, { recursive: true }).map((name) => join(path, name)),
  );
  return (
    built.length >= (fabric ? 2 : 1) && sources.every((file) => statSync(file).mtimeMs < Math.min(...built))
  );
}

/** The headers beside this Node, where its package brought them: no download then. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  const there = existsSync(join(prefix, 'include', 'node', 'node_api.h'));
  return there && process.env.npm_config_nodedir === undefined ? [`--nodedir=${prefix}`] : [];
}

/** Where the package is installed, node-gyp is not: npm fetches it then. */
function nodeGyp() {
  try {
    return [process.execPath, fileURLToPath(import.meta.resolve('node-gyp/bin/node-gyp.js'))];
  } catch {
    return ['npm', 'exec', '--yes', 'node-gyp@12.4.0', '--'];
  }
}

/** Builds the addons whose sources are in that folder; returns whether that went well. */
export function runNodeGyp(folder, compiler, { args = [], defines = [], env = {} } = {}) {
  const [program, ...before] = nodeGyp();
  const command = [...before, 'rebuild', '-C', folder, '--loglevel=error', ...headers(), ...args, '--'];
  command.push(...defines.map((define) => `-D${define}`), `-Dfabric=${canBuildFabric(compiler, env)}`);
  // Without LINK it would be g++, for C.
  const tools = { CC: compiler, LINK: compiler, ...env };
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...tools } };
  return spawnSync(program, command, options).status === 0;
}
