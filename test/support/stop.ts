/** SIGSTOP, and what it is not by itself: the sender goes on while a thread on another processor may still run. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Stops every thread of a process, until SIGCONT. */
export async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const tasks = `/proc/${pid}/task`;
  const state = (task: string): string =>
    readFileSync(`${tasks}/${task}/stat`, 'utf8').replace(/.*\) /, '')[0]!;
  while (readdirSync(tasks).some((task) => state(task) !== 'T')) await setTimeout(1);
}
