/** The command `rsm` as a process, as people and scripts start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from './actors.ts';
import { later } from './scene.ts';

export const program: string = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'rsm.js');

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  ended: Promise<Run>;
  /** What it has written to standard output up to now. */
  said(): string;
  /** Waits until it has written a line; the first line. */
  firstLine(): Promise<string>;
  /** Sends a signal, and waits for its end. */
  end(signal: NodeJS.Signals): Promise<Run>;
}

export interface RsmOptions {
  uid?: number;
  env?: Record<string, string>;
  /** Standard input; nothing without it. */
  input?: string | Uint8Array;
  cwd?: string;
}

/** Starts `rsm` in a process group of its own; it dies with the test. */
export function startRsm(args: string[], options: RsmOptions = {}): Started {
  return startProgram(process.execPath, [program, ...args], options);
}

const FUNCTION = `rsm() { "${process.execPath}" "${program}" "$@"; }`;

/** The same for a whole command line of a shell, where `rsm` is the command. */
export function startShell(line: string, options: RsmOptions = {}): Started {
  return startProgram('bash', ['-c', `${FUNCTION}; ${line}`], options);
}

/** `rsm` on a terminal of that many columns; what both outputs show is in `stdout`. */
export function startOnTerminal(args: string[], columns: number, options: RsmOptions = {}): Started {
  const words = args.map((word) => `'${word}'`).join(' ');
  return startShellOnTerminal(`exec "${process.execPath}" "${program}" ${words}`, columns, options);
}

/** A whole command line there. In CI Node.js believes that no terminal shows colours: this one does. */
export function startShellOnTerminal(line: string, columns: number, options: RsmOptions = {}): Started {
  const terminal = `unset CI; export TERM=xterm-256color; stty cols ${columns} rows 24`;
  const script = `${terminal}; ${FUNCTION}; ${line}`;
  return startProgram('script', ['-qfec', script, '/dev/null'], { input: '', ...options });
}

export async function rsm(args: string[], options?: RsmOptions): Promise<Run> {
  return await startRsm(args, options).ended;
}

/** The JSON document that a command writes; it must end well. */
export async function rsmJson<T>(args: string[], options?: RsmOptions): Promise<T> {
  const { code, stdout, stderr } = await rsm([...args, '--json'], options);
  if (code !== 0) throw new Error(`rsm ${args.join(' ')}: ${code}\n${stderr}`);
  return JSON.parse(stdout) as T;
}

/** A program and its arguments, in the same way. */
export function startProgram(command: string, args: string[], { uid, env, input, cwd }: RsmOptions): Started {
  const user = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(command, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
    cwd,
    ...user,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin?.on('error', () => {}); // the exit below tells
  if (input !== undefined && input !== '') child.stdin!.end(input);
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  later(async () => {
    // In order: it must leave nothing behind.
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGTERM');
    await ended;
  });
  return {
    child,
    ended,
    said: () => stdout,
    async firstLine() {
      await until(() => stdout.includes('\n') || child.exitCode !== null);
      if (!stdout.includes('\n')) throw new Error(`it ended with ${child.exitCode}: ${stderr}`);
      return stdout.split('\n')[0]!;
    },
    async end(signal) {
      process.kill(-child.pid!, signal);
      return await ended;
    },
  };
}
