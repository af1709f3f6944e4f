/** The tree as git sees it: what is tracked and what could be added. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..', '..');

export const files: string[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));

export function text(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

export function linesOf(file: string): string[] {
  return text(file).split('\n');
}

export function matching(pattern: RegExp): string[] {
  return files.filter((file) => pattern.test(file));
}
