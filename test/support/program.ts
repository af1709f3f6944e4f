/** C programs beside this file, compiled for the test file that uses them and driven line by line. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { later } from './scene.ts';

/**
 * Compiles test/support/NAME.c, a library to be preloaded where `flags` say so; returns the path of the file,
 * which every user may run.
 */
export function compile(name: string, flags: string[] = []): string {
  const directory = mkdtempSync(join(tmpdir(), 'rsm-test-c-'));
  chmodSync(directory, 0o755);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, basename(name));
  const include = join(import.meta.dirname, '..', '..', 'native', 'loopback');
  const source = join(import.meta.dirname, `${name}.c`);
  execFileSync('cc', [
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-std=gnu11',
    ...flags,
    '-I',
    include,
    '-o',
    program,
    source,
  ]);
  return program;
}

/** The library beside one that is preloaded already, as that of a sanitizer. */
export function preloaded(library: string): string {
  return [library, process.env.LD_PRELOAD].filter(Boolean).join(':');
}

export class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line it prints; undefined when it has ended. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Sends a line and returns the next line it prints. */
  ask(text = ''): Promise<string | undefined> {
    this.#child.stdin!.write(`${text}\n`);
    return this.line();
  }

  /** All it still prints. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) lines.push(line);
    return lines;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** Starts a program, as another user if told so; it ends with the test. */
export function start(program: string, args: (string | number)[], uid?: number): Program {
  const user = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'], ...user });
  const started = new Program(child);
  later(() => started.end());
  return started;
}
