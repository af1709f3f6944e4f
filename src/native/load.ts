import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Native } from './index.ts';

/** The same from src/native and from dist/native. */
const ROOT = new URL('../../', import.meta.url);

/** By what this very process runs on: a machine can have both C libraries. */
function libc(): 'glibc' | 'musl' {
  return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-') ? 'musl' : 'glibc';
}

/** A clone's own build comes before a prebuilt binary, so that developers run what they compiled. */
function candidates(): string[] {
  const files = ['native/build/Release/loopback.node'];
  if (process.platform === 'linux') {
    files.push(`prebuilds/linux-${process.arch}-${libc()}/loopback.node`);
  }
  return files.map((file) => fileURLToPath(new URL(file, ROOT)));
}

/** Loads the native addon. Throws an `Error` that lists what was tried and says what to do. */
export function load(): Native {
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  for (const file of candidates()) {
    if (!existsSync(file)) {
      tried.push(`${file}: no such file`);
      continue;
    }
    try {
      return require(file) as Native;
    } catch (error) {
      tried.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const host = `${process.platform}-${process.arch}`;
  throw new Error(
    `rsmapi has no native binary that works on ${host}. Tried:\n  ${tried.join('\n  ')}\n` +
      'rsmapi needs Linux, and --allow-addons where Node runs with --permission. ' +
      'Install a C compiler, make and Python 3, then run `npm run build:native` in the package.',
  );
}
