/**
 * A pool of vitest, as `forks`: the workers are processes on the second machine of `two-nodes.ts`, whose setup has
 * run by the time they start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { PoolOptions, PoolRunnerInitializer, PoolWorker, WorkerRequest } from 'vitest/node';

const NAME = 'another-machine';
/** For a worker that does not end on SIGTERM. */
const PATIENCE_MS = 500;

class Worker implements PoolWorker {
  readonly name = NAME;
  readonly cacheFs = true;
  readonly #options: PoolOptions;
  #process: ChildProcess | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { project, execArgv, distPath, env } = this.#options;
    const { through = [] } = project.getProvidedContext().plane ?? {};
    const words = [...through, process.execPath, ...execArgv, join(distPath, 'workers/forks.js')];
    const { RSM_RUNTIME_DIR: _, ...own } = env; // it would come before what configurations say
    this.#process = spawn(words[0]!, words.slice(1), {
      env: own,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
  }

  async stop(): Promise<void> {
    const child = this.#process!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.kill();
    await gone;
    clearTimeout(timer);
  }

  on(event: string, callback: (arg: unknown) => void): void {
    this.#process!.on(event, callback);
  }

  off(event: string, callback: (arg: unknown) => void): void {
    this.#process!.off(event, callback);
  }

  send(message: WorkerRequest): void {
    this.#process!.send(message);
  }

  deserialize(data: unknown): unknown {
    return data;
  }
}

export const anotherMachine: PoolRunnerInitializer = {
  name: NAME,
  createPoolWorker: (options) => new Worker(options),
};
