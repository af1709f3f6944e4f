/** A cell that does not end is told by its name and by what the threads of all its processes do. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** A cell takes a second; this is for a machine that has much else to do. */
const PATIENCE_MS = 120_000;

export async function watched<T>(cell: string, work: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const late = pause(PATIENCE_MS, undefined, patience).then(() => {
    throw new Error(`${cell} does not end:\n${threadsOfChildren().join('\n')}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => {}); // the abort
    patience.abort();
  }
}

function threadsOfChildren(): string[] {
  const children = entries('/proc/self/task').flatMap((task) =>
    read(`/proc/self/task/${task}/children`).split(' '),
  );
  return children.filter(Boolean).flatMap((pid) => {
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
    return [`${pid} ${command}`, ...threadsOf(pid)];
  });
}

function threadsOf(pid: string): string[] {
  return entries(`/proc/${pid}/task`).map((thread) => {
    const [name, state, place, call] = ['comm', 'status', 'wchan', 'syscall'].map((what) =>
      read(`/proc/${pid}/task/${thread}/${what}`).trim(),
    );
    return `  ${thread} ${name}: ${/State:\s*(.*)/.exec(state!)?.[1]}, ${place}, ${call}`;
  });
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // has ended
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // has ended
  }
}
