/** The processes the demo starts, and what they and the exporter tell each other outside of RSM. */
import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { end } from '../children.ts';
import { CommandError, Interrupted } from '../failure.ts';

export type Role = 'importer' | 'reader';

/** What an importer or a reader says, in this order; a reader says `ready` and `read`. */
export type Report =
  | { kind: 'ready' }
  | { kind: 'mapped'; timeMs: number; ownerPid: number }
  | { kind: 'aborted'; code: string; readableBytes: number }
  | { kind: 'read'; digest: string; hashingMs: number };

export interface Member {
  readonly pid: number;
  readonly stdin: NodeJS.WritableStream | null;
  /** Lets it begin. */
  start(): void;
  /** Its next report, which must be of this kind. */
  hear<K extends Report['kind']>(kind: K): Promise<Extract<Report, { kind: K }>>;
}

/** All the processes of one demo. The first that is lost, or a SIGINT or SIGTERM, stops the whole of it. */
export class Crew {
  readonly #children: ChildProcess[] = [];
  readonly #stop = new AbortController();
  readonly #interrupt = (signal: NodeJS.Signals): void =>
    this.#stop.abort(new Interrupted(signal as 'SIGINT' | 'SIGTERM'));

  constructor() {
    process.once('SIGINT', this.#interrupt);
    process.once('SIGTERM', this.#interrupt);
  }

  /** Aborted with the reason when the demo must stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Starts this program in another role: the module of that name beside this one. */
  join(role: Role, args: number[] = []): Member {
    const module = fileURLToPath(new URL(`./${role}.js`, import.meta.url));
    const stdin = role === 'reader' ? 'pipe' : 'ignore';
    // Detached: Ctrl-C goes to the exporter alone, which ends everybody in order.
    const child = fork(module, args.map(String), {
      stdio: [stdin, 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#children.push(child);
    const lost = (): void => this.#stop.abort(lostMember(child));
    child.once('error', lost);
    child.once('exit', (code) => code === 0 || lost());
    // Writing to a process that is lost says so too, later than its end.
    child.stdin?.on('error', () => {});
    const reports = on(child, 'message', { signal: this.signal, close: ['disconnect'] });
    return {
      pid: child.pid ?? -1,
      stdin: child.stdin,
      start: () => void child.send('start'),
      hear: async <K extends Report['kind']>(kind: K) => {
        const next = await reports.next();
        const report = next.done === true ? undefined : (next.value[0] as Report);
        if (report?.kind !== kind) throw lostMember(child);
        return report as Extract<Report, { kind: K }>;
      },
    };
  }

  /** Ends whoever is still there, and waits until nobody is. */
  async end(): Promise<void> {
    process.removeListener('SIGINT', this.#interrupt);
    process.removeListener('SIGTERM', this.#interrupt);
    await Promise.all(this.#children.map(end));
  }
}

function lostMember(child: ChildProcess): CommandError {
  return new CommandError(`process ${child.pid} of the demo was lost.`);
}

/** In a member: says how far it is. Without its exporter it has nothing left to do. */
export function tell(report: Report): void {
  process.send?.(report, undefined, undefined, (error) => {
    if (error) process.exit();
  });
}

/** In a member: waits for start(). */
export async function started(): Promise<void> {
  process.once('disconnect', () => process.exit());
  if (!process.connected) process.exit();
  const start = once(process, 'message');
  tell({ kind: 'ready' });
  await start;
}
