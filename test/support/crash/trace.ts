/** What a process with points.c preloaded is told, and what it has written. */
import { existsSync, readFileSync, rmSync } from 'node:fs';

/** blocked: the main thread does not return to its event loop; after the operation the process is killed. */
export type End = 'SIGKILL' | 'SIGSTOP, SIGKILL' | 'process.exit' | 'exception' | 'terminate' | 'blocked';

export type Threads = 'caller' | 'agent' | 'fabric';

/** A system call of the addon; `number` counts those of the same threads. 0: when the call has returned. */
export interface Point {
  threads: Threads;
  number: number;
  when: 'before' | 'after';
  name: string;
}

export const AFTERWARDS: Point = { threads: 'caller', number: 0, when: 'after', name: 'return' };

/** As many as wanted, spread evenly, the first and the last among them. */
export function chosen(points: Point[], most: number): Point[] {
  if (points.length <= most) return points;
  if (most === 1) return [points[Math.floor(points.length / 2)]!];
  return Array.from(
    { length: most },
    (_, at) => points[Math.round((at * (points.length - 1)) / (most - 1))]!,
  );
}

/** A path that access(2) is asked about. */
export function orderOf(end: End | 'trace', { threads, number, when }: Point): string {
  if (end === 'trace') return '/crash-point/trace';
  const action = { SIGKILL: 'kill', 'SIGSTOP, SIGKILL': 'stop', blocked: 'off' }[end as string] ?? 'hold';
  return number === 0 ? '/crash-point/off' : `/crash-point/${action}/${threads}/${number}/${when}`;
}

export class Trace {
  readonly path: string;

  /** Without what an earlier process wrote. */
  constructor(path: string) {
    this.path = path;
    for (const file of [path, this.acted]) rmSync(file, { force: true });
  }

  /** Exists once the process has come to the point. */
  get acted(): string {
    return `${this.path}.acted`;
  }

  /** When it came to the point or, later, began to end: nanoseconds, as process.hrtime.bigint(). */
  get actedNs(): bigint | undefined {
    const { acted } = this;
    return existsSync(acted) ? BigInt(readFileSync(acted, 'utf8').trim().split('\n').at(-1)!) : undefined;
  }

  /** The steps that it made while it was traced. */
  get steps(): Point[] {
    const counts = { caller: 0, agent: 0, fabric: 0 };
    const lines = existsSync(this.path) ? readFileSync(this.path, 'utf8').trim().split('\n') : [];
    return lines.filter(Boolean).flatMap((line) => {
      const [threads, name] = line.split(' ') as [Threads, string];
      counts[threads] += 1;
      return (['before', 'after'] as const).map((when) => ({ threads, number: counts[threads], when, name }));
    });
  }
}
