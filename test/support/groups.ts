/** Control groups for a test: below the own one, as version 1 or 2 offers them. Undefined where none can be made. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Group {
  add(pid: number): void;
  /** To be called when nobody is in it any more. */
  remove(): void;
}

/** The directory of this process's group for the controller; version 2 where version 1 has it not. */
function own(controller: string): string {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n');
  const old = lines.find((line) => line.split(':')[1]!.split(',').includes(controller));
  const root = old === undefined ? '/sys/fs/cgroup' : join('/sys/fs/cgroup', controller);
  const path = join(root, (old ?? lines.find((line) => line.startsWith('0::')) ?? '0::/').split(':')[2]!);
  return existsSync(path) ? path : root;
}

/** A group that may use so many bytes of memory. */
export function memoryGroup(limitBytes: number): Group | undefined {
  const path = join(own('memory'), `rsm-test-${process.pid}`);
  try {
    mkdirSync(path);
    const limit = existsSync(join(path, 'memory.max')) ? 'memory.max' : 'memory.limit_in_bytes';
    writeFileSync(join(path, limit), String(limitBytes));
  } catch {
    if (existsSync(path)) rmdirSync(path);
    return undefined;
  }
  return {
    add: (pid) => writeFileSync(join(path, 'cgroup.procs'), String(pid)),
    remove: () => rmdirSync(path),
  };
}
