/** Processes that a command has started: they end when their channel to it closes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** One that ends takes as long as it computes. */
const PATIENCE_MS = 10_000;

/** Without its channel a process ends by itself, and in order. Only one that is stopped has to be killed. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await gone;
  clearTimeout(timer);
}
