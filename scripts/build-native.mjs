// Builds the addon with node-gyp, unless it is newer than everything it is made of. In a clone npm runs it
// (`prepare`); in an installed package without a binary for the machine, a person does.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { canBuildFabric, isCurrent, native, runNodeGyp } from './native.mjs';

/** The first of these programs that there is. */
function find(...programs) {
  return programs.find((program) => spawnSync(program, ['--version']).error === undefined);
}

// May be several words: "ccache gcc".
const compiler = process.env.CC ?? find('cc', 'gcc', 'clang');

function build() {
  const missing = [
    compiler === undefined && 'C compiler (gcc or clang)',
    find('make') === undefined && 'make',
    find('python3', 'python') === undefined && 'Python 3',
  ].filter(Boolean);
  if (missing.length > 0) {
    return `there is no ${missing.join(' and no ')} on this machine. Install that and run this again`;
  }
  return runNodeGyp(native, compiler) ? undefined : 'what node-gyp says stands above';
}

const fabric = compiler !== undefined && canBuildFabric(compiler);
if (!isCurrent(join(native, 'build', 'Release'), fabric)) {
  const failure = build();
  if (failure !== undefined) {
    console.error(`rsmapi: the native addon did not build: ${failure}.`);
    process.exit(1);
  }
}
