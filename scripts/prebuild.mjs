// Before packing: builds the addons for the platforms whose compiler is there, or for those that are named, where the
// packed package looks for them (src/native/load.ts).
//
//   node scripts/prebuild.mjs [linux-x64-glibc ...]
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { addonsIn, canBuildFabric, isCurrent, native, runNodeGyp, SOURCES } from './native.mjs';
import { NEWEST_GLIBC, TARGETS } from './targets.mjs';

/** The newest glibc 2.x that the addon asks for. */
function glibcOf(addon) {
  const versions = execFileSync('readelf', ['--version-info', addon], { encoding: 'utf8' });
  return Math.max(...[...versions.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor)));
}

/** What is wrong with the addons; undefined if nothing is. */
function complain(name, addons) {
  if (!name.endsWith('-glibc')) return undefined;
  const demanding = addons.find((addon) => glibcOf(addon) > NEWEST_GLIBC);
  if (demanding === undefined) return undefined;
  return `${basename(demanding)} needs glibc 2.${glibcOf(demanding)}: see native/prebuild/old_glibc.h`;
}

/** Builds in a copy, so that a developer's own build stays; returns what went wrong. */
function build(name, folder) {
  const { compiler, arch, env } = TARGETS[name];
  const copy = mkdtempSync(join(tmpdir(), 'rsm-prebuild-'));
  try {
    for (const source of SOURCES) cpSync(join(native, source), join(copy, source), { recursive: true });
    const args = [`--arch=${arch}`];
    const defines = [`old_glibc=${name.endsWith('-glibc')}`];
    if (!runNodeGyp(copy, compiler, { args, defines, env: { LDFLAGS: '-s', ...env } }))
      return 'did not build';
    const built = addonsIn(join(copy, 'build', 'Release'));
    const complaint = complain(name, built);
    if (complaint !== undefined) return complaint;
    mkdirSync(folder, { recursive: true });
    for (const addon of built) {
      // Whole or not at all: somebody may be packing.
      cpSync(addon, join(folder, `${basename(addon)}.${process.pid}`));
      renameSync(join(folder, `${basename(addon)}.${process.pid}`), join(folder, basename(addon)));
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : Object.keys(TARGETS)) {
  const folder = join(native, '..', 'prebuilds', name);
  const { compiler, env } = TARGETS[name];
  const isThere = spawnSync(compiler, ['--version']).error === undefined;
  if (isCurrent(folder, isThere && canBuildFabric(compiler, env))) continue;
  rmSync(folder, { recursive: true, force: true });
  const failure = isThere ? build(name, folder) : `there is no ${compiler}`;
  if (failure === undefined) continue;
  console.error(`rsmapi: no binary for ${name}: ${failure}.`);
  // What is there but does not build is a defect; a compiler for others need not be there.
  if (isThere || named.length > 0) process.exitCode = 1;
}
