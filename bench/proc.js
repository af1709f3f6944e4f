/** What the kernel says that a process uses (proc(5)). `pid` may be 'self'. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
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

/** The threads of this process by which `begin` has made it more. */
export async function threadsBegunBy(begin) {
  const list = () => readdirSync('/proc/self/task');
  const before = new Set(list());
  const begun = await begin();
  return {
    begun,
    threads: list()
      .filter((thread) => !before.has(thread))
      .map(Number),
  };
}

/** Seconds on a processor, user and system, of all threads that live. */
export function cpuSeconds(pid = 'self') {
  return readdirSync(`/proc/${pid}/task`).reduce(
    (sum, thread) =>
      sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
    0,
  );
}

/** How many there are: availableParallelism() goes with where the thread that asks may run. */
const PROCESSORS = availableParallelism();

/**
 * Where two processes sleep and wake each other: left to the scheduler, it is one or the other for as long as it likes,
 * and decides more than what is compared.
 */
export const PLACES = [
  { where: 'two processors', processors: [0, 1] },
  { where: 'one processor', processors: [0, 0] },
].filter(({ processors }) => Math.max(...processors) < PROCESSORS);

/** All threads of a process to one processor; undefined: to all. */
export function settleOn(processor, pid = process.pid) {
  settle(['-a'], processor, pid);
}

/** One thread, of any process. */
export function settleThreadOn(processor, thread) {
  settle([], processor, thread);
}

function settle(options, processor, id) {
  const list = processor ?? `0-${PROCESSORS - 1}`;
  try {
    execFileSync('taskset', [...options, '-p', '-c', String(list), String(id)], { stdio: 'ignore' });
  } catch (error) {
    if (error.code !== undefined) throw error; // it could not be started; else a thread has gone meanwhile
  }
}

/** Collects garbage twice: what a finalizer frees goes in the second turn of the event loop. */
export async function collect() {
  for (let turn = 0; turn < 2; turn += 1) {
    collectNow();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
