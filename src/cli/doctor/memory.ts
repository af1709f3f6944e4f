/** Where the pages of segments come from. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytes } from '../terminal.ts';
import { type Finding, finding } from './finding.ts';

const LITTLE_BYTES = 64 * 1024 * 1024;
const KIB = 1024;

export function memory(): Finding[] {
  const available = KIB * (fromMeminfo('MemAvailable') + fromMeminfo('SwapFree'));
  const shm = 'The size of /dev/shm does not matter: it is not used.';
  const group = controlGroup();
  const state = available < LITTLE_BYTES ? 'note' : 'ok';
  const machine = finding(
    'memory',
    state,
    `${bytes(available)} available. ${shm}`,
    'ps -eo pid,rss,args --sort -rss | head',
  );
  return group === undefined ? [machine] : [machine, group];
}

/** Segments count as memory of the control group of who allocated them. */
function controlGroup(): Finding | undefined {
  const limited = tightest();
  if (limited === undefined) return undefined;
  const { limit, used, path } = limited;
  const left = Math.max(0, limit - used);
  const says = `allows ${bytes(limit)}, of which ${bytes(left)} are left; segments count.`;
  const mend = `echo max | sudo tee ${path}  # or docker run --memory, MemoryMax= in the unit`;
  return finding('control group', left < LITTLE_BYTES ? 'note' : 'ok', says, mend);
}

interface Limited {
  limit: number;
  used: number;
  /** The file that says so. */
  path: string;
}

/** Of the groups that this process is in, each within the other, version 2 or 1. */
export function tightest(root = '/'): Limited | undefined {
  const groups = text(join(root, 'proc/self/cgroup')).split('\n');
  const all = groups.flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === '') return upwards(join(root, 'sys/fs/cgroup'), path, 'memory.max', 'memory.current');
    if (!controllers!.split(',').includes('memory')) return [];
    const first = join(root, 'sys/fs/cgroup/memory');
    return upwards(first, path, 'memory.limit_in_bytes', 'memory.usage_in_bytes');
  });
  return all.sort((a, b) => a.limit - a.used - (b.limit - b.used))[0];
}

/** In a container the path may be that of the host, and only its end is to be seen. */
function upwards(base: string, group: string, limitFile: string, usedFile: string): Limited[] {
  const found: Limited[] = [];
  for (let path = group; ; path = dirname(path)) {
    const file = join(base, path, limitFile);
    const [limit, used] = [number(file), number(join(base, path, usedFile))];
    // Version 1 has a number for "no limit", which no machine has.
    if (limit !== undefined && used !== undefined && limit < 2 ** 60) found.push({ limit, used, path: file });
    if (path === '/') return found;
  }
}

export function hugePages(): Finding[] {
  const [total, free] = [fromMeminfo('HugePages_Total'), fromMeminfo('HugePages_Free')];
  const are = total === 0 ? 'None are reserved' : `${free} of ${total} are free`;
  const says = `${are}, for allocate(bytes, { huge: true }).`;
  return [
    finding('huge pages', free === 0 ? 'note' : 'ok', says, 'sudo sysctl -w vm.nr_hugepages=512  # 1 GiB'),
  ];
}

function fromMeminfo(name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text('/proc/meminfo'))?.[1] ?? 0);
}

/** undefined: not there, or `max`. */
function number(path: string): number | undefined {
  const said = text(path).trim();
  return /^\d+$/.test(said) ? Number(said) : undefined;
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
