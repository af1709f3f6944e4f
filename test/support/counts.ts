/** What a process holds, from /proc: tests compare it before and after. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Counts {
  descriptors: number;
  mappings: number;
  threads: number;
  /** Resident shared memory, KiB. */
  sharedKiB: number;
}

export function counts(pid: number | 'self' = 'self'): Counts {
  const shared = /^RssShmem:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length - 1,
    threads: readdirSync(`/proc/${pid}/task`).length,
    sharedKiB: Number(shared?.[1] ?? 0),
  };
}
