/** Programs of examples/, run as a reader would run them: real processes on a node of the test file. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach } from 'vitest';
import { killed, runtimeDirectory } from './runtime.ts';

export const examples: string = join(import.meta.dirname, '..', '..', 'examples');
/** The node on which they run. */
export const runtime: string = runtimeDirectory({ own: false });
const started: Example[] = [];

afterEach(async () => {
  for (const example of started.splice(0)) {
    example.process.kill('SIGTERM');
    await example.end();
  }
});

export class Example {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #errors = '';

  constructor(program: string, args: string[], options: SpawnOptions) {
    const env = { ...process.env, RSM_RUNTIME_DIR: runtime };
    this.process = spawn(program, args, { ...options, env });
    this.process.stderr!.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
    this.#closed = once(this.process, 'close');
    started.push(this);
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** The next line; says what is on standard error when there is none. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    return done ? `(ended) ${this.#errors}` : value;
  }

  /** The groups of the next line that matches, and what stands before it is skipped. */
  async match(pattern: RegExp): Promise<string[]> {
    for (;;) {
      const line = await this.line();
      const found = pattern.exec(line);
      if (found !== null) return found.slice(1);
      if (line.startsWith('(ended)')) throw new Error(`${line} before ${pattern}`);
    }
  }

  type(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  /** Ends its input, as Ctrl-D does. */
  finish(): void {
    this.process.stdin!.end();
  }

  /** kill -9. What it published stays as files until somebody opens the node: that is not looked at. */
  async kill(): Promise<void> {
    killed.add(this.pid);
    this.process.kill('SIGKILL');
    await this.#closed;
  }

  async end(): Promise<{ status: number | null; errors: string }> {
    await this.#closed;
    return { status: this.process.exitCode, errors: this.#errors };
  }
}

/** Starts `node examples/FILE ARGS`. */
export function example(file: string, args: string[] = [], options: SpawnOptions = {}): Example {
  return new Example(process.execPath, [join(examples, file), ...args], options);
}

/** Starts another program on the same node. */
export function program(path: string, args: string[] = []): Example {
  return new Example(path, args, {});
}
