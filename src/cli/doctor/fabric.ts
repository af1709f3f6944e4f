/** libfabric, which carries segments between nodes. On one node nothing needs it. */
import { spawnSync } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Finding, finding } from './finding.ts';

const NAME = 'libfabric';
const INSTALL = 'sudo apt-get install libfabric1 libfabric-bin';

export function libfabric(): Finding[] {
  const path = fromPath() ?? fromCache();
  if (path === undefined) {
    const says = 'not found. It is needed between nodes only: on this node everything works.';
    return [finding(NAME, 'note', says, INSTALL)];
  }
  return [finding(NAME, 'ok', `${version() ?? basename(realpathSync(path))}, ${path}${providers()}.`)];
}

function fromPath(): string | undefined {
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  return folders.flatMap(libraries)[0];
}

function libraries(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name === 'libfabric.so.1')
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** What the loader of glibc would find. */
function fromCache(): string | undefined {
  const cached = said('ldconfig', ['-p']);
  return /libfabric\.so\.1 .*=> (\S+)/.exec(cached)?.[1];
}

function version(): string | undefined {
  const [, number] = /^libfabric: (\S+)/m.exec(said('fi_info', ['--version'])) ?? [];
  return number;
}

/** Those that carry segments. */
function providers(): string {
  const all = [...said('fi_info', ['--list']).matchAll(/^(\w+):$/gm)].map(([, name]) => name!);
  const usable = all.filter((name) => ['verbs', 'tcp', 'net'].includes(name));
  return usable.length === 0 ? '' : `; it has ${usable.join(' and ')}`;
}

/** Tools of administrators are not in everybody's PATH. */
function said(command: string, args: string[]): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  return spawnSync(command, args, { env, encoding: 'utf8' }).stdout ?? '';
}
