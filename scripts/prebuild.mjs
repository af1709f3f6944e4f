// Before packing: puts the addon that was just built where the packed package looks for it.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const built = join(root, 'native', 'build', 'Release');
const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
const target = join(root, 'prebuilds', `${process.platform}-${process.arch}-${libc}`);

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const file of readdirSync(built).filter((name) => name.endsWith('.node'))) {
  copyFileSync(join(built, file), join(target, file));
}
