// Builds the addon with node-gyp, unless it is newer than everything it is made of. In a clone npm runs it
// (`prepare`); in an installed package without a binary for the machine, a person does.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = join(import.meta.dirname, '..', 'native');
const output = join(native, 'build', 'Release');

/** The newest change below the sources of the addon, in milliseconds. */
function newestSource() {
  let newest = statSync(join(native, 'binding.gyp')).mtimeMs;
  for (const folder of ['binding', 'loopback']) {
    const path = join(native, folder);
    for (const file of readdirSync(path, { recursive: true })) {
      newest = Math.max(newest, statSync(join(path, file)).mtimeMs);
    }
  }
  return newest;
}

function isCurrent() {
  if (!existsSync(output)) return false;
  const addons = readdirSync(output).filter((file) => file.endsWith('.node'));
  const since = newestSource();
  return addons.length > 0 && addons.every((file) => statSync(join(output, file)).mtimeMs > since);
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

if (!isCurrent()) {
  const [program, ...args] = [...nodeGyp(), 'rebuild', '-C', native, '--loglevel=error', ...headers()];
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error('rsmapi: the native addon did not build; it needs gcc (or clang), make and python3.');
    process.exit(1);
  }
}
