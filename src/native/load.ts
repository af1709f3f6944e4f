import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The same from src/native and from dist/native. */
const ROOT = new URL('../../', import.meta.url);

/** By what this very process runs on: a machine can have both C libraries. */
function libc(): 'glibc' | 'musl' {
  return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-') ? 'musl' : 'glibc';
}

/** A clone's own build comes before a prebuilt binary, so that developers run what they compiled. */
function* candidates(addon: string): Generator<string> {
  const path = (file: string) => fileURLToPath(new URL(file, ROOT));
  yield path(`native/build/Release/${addon}.node`);
  if (process.platform === 'linux') {
    yield path(`prebuilds/linux-${process.arch}-${libc()}/${addon}.node`);
  }
}

const LOADED: unique symbol = Symbol.for('rsmapi.addons');
/** Of this environment, by file: who evaluates these modules twice, as test runners do, has one addon all the same. */
const environment = process as typeof process & { [LOADED]?: Map<string, object> };

function open(file: string): object {
  environment[LOADED] ??= new Map();
  let exports = environment[LOADED].get(file);
  if (exports === undefined) {
    const module = { exports: {} };
    process.dlopen(module, file);
    exports = module.exports;
    environment[LOADED].set(file, exports);
  }
  return exports;
}

/**
 * Loads an addon, without the loader of CommonJS, which is two modules of Node more (T9).
 * Throws an `Error` that lists what was tried and says what to do.
 */
export function load<T>(addon: string, remedy: string): T {
  const tried: string[] = [];
  for (const file of candidates(addon)) {
    if (!existsSync(file)) {
      tried.push(`${file}: no such file`);
      continue;
    }
    try {
      return open(file) as T;
    } catch (error) {
      tried.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const host = `${process.platform}-${process.arch}`;
  throw new Error(
    `rsmapi has no native binary that works on ${host}: ${addon}.node. Tried:\n  ${tried.join('\n  ')}\n${remedy}`,
  );
}
