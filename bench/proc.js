/** What the kernel says that a process uses (proc(5)). `pid` may be 'self'. */
import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectNow = runInNewContext('gc');

export function descriptors(pid = 'self') {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function threads(pid = 'self') {
  return readdirSync(`/proc/${pid}/task`).length;
}

export function residentKiB(pid = 'self') {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]);
}

/** Seconds on a processor, user and system, of all threads that live. */
export function cpuSeconds(pid = 'self') {
  return readdirSync(`/proc/${pid}/task`).reduce(
    (sum, thread) =>
      sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
    0,
  );
}

/** Collects garbage twice: what a finalizer frees goes in the second turn of the event loop. */
export async function collect() {
  for (let turn = 0; turn < 2; turn += 1) {
    collectNow();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
