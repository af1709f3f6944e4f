/** What ends a command: one sentence on standard error, and an exit status. */
import { getSystemErrorMap } from 'node:util';

export const WRONG_USAGE = 2;

export class CommandError extends Error {
  readonly exitCode: number;

  constructor(sentence: string, exitCode = 1) {
    super(sentence);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** As shells have it: 128 and the number of the signal. */
const STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Ending = keyof typeof STATUS;

/** A signal ends a command this way: nothing to say, everything cleaned up. */
export class Interrupted extends CommandError {
  constructor(signal: Ending) {
    super('', STATUS[signal]);
  }
}

/**
 * Does the work of a command, which `signal` asks to end when the user or the system does. The second time
 * the process ends at once: the library withdraws what it has.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const interrupt = (name: NodeJS.Signals): void => {
    const reason = new Interrupted(name as Ending);
    if (stop.signal.aborted) process.exit(reason.exitCode);
    stop.abort(reason);
  };
  const names = Object.keys(STATUS) as Ending[];
  for (const name of names) process.on(name, interrupt);
  try {
    return await work(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    for (const name of names) process.removeListener(name, interrupt);
  }
}

/** What needs the library, or is it. @throws CommandError: its binary does not work here */
export async function loaded<T>(module: Promise<T>): Promise<T> {
  try {
    return await module;
  } catch (error) {
    const { message } = error as Error;
    // The rest is a list of what was tried.
    const [sentence] = /^.*?\.(?=\s|$)/.exec(message) ?? [message];
    throw new CommandError(`${sentence} \`rsm doctor\` says more.`);
  }
}

/** What the system said about a file, as one sentence with its code. */
export function systemError(what: string, error: unknown): CommandError {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return new CommandError(`${what}: ${known === undefined ? message : `${known} (${code})`}`);
}
