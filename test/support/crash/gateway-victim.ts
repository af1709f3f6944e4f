/** A gateway in a process of its own, which ends at a chosen system call. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { preloaded } from '../program.ts';
import { program } from '../rsm.ts';
import { killed } from '../runtime.ts';
import { type End, orderOf, type Point, Trace } from './trace.ts';

const MODULE = join(import.meta.dirname, 'gateway-victim.mjs');

export class GatewayVictim {
  readonly process: ChildProcess;
  /** Resolves when it has a link to the other gateway. */
  readonly linked: Promise<void>;
  readonly #gone: Promise<unknown>;
  readonly #trace: Trace;
  #errors = '';

  constructor(library: string, { config, runtime }: { config: string; runtime: string }) {
    this.#trace = new Trace(`${runtime}.trace`);
    const preload = {
      LD_PRELOAD: preloaded(library),
      RSM_CRASH_TRACE: this.#trace.path,
      RSM_CRASH_SOCKETS: '1',
    };
    const command = ['--pdeathsig', 'KILL', process.execPath, '--import', MODULE, program];
    this.process = spawn('setpriv', [...command, 'gateway', '--config', config], {
      env: { ...process.env, ...preload, RSM_RUNTIME_DIR: runtime },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    killed.add(this.pid);
    this.#gone = once(this.process, 'close');
    this.process.stderr!.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.linked = new Promise((resolve, reject) => {
      createInterface({ input: this.process.stdout! }).on('line', (line) => {
        if (line.includes('"link up"')) resolve();
      });
      this.process.once('close', (code, signal) => {
        reject(new Error(`a gateway ended with ${signal ?? code}: ${this.#errors}`));
      });
    });
    this.linked.catch(() => {}); // whoever awaits it is told
  }

  get pid(): number {
    return this.process.pid!;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  get isStopped(): boolean {
    try {
      return /\) T/.test(readFileSync(`/proc/${this.pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  }

  /** From now on its steps count. */
  async arm(end: End | 'trace', point: Point): Promise<void> {
    await this.#tell({ order: orderOf(end, point) });
  }

  /** Ends from JavaScript once it comes to the point, or at once where there is none. */
  async endFromJavaScript(end: End, point: Point): Promise<void> {
    await this.#tell({ end, acted: point.number > 0 ? this.#trace.acted : '' });
  }

  async collect(): Promise<void> {
    await this.#tell({ collect: true });
  }

  /** Nothing in it gets a chance to clean up. Returns when that was. */
  async kill(): Promise<bigint> {
    const moment = process.hrtime.bigint();
    if (this.hasEnded) return moment;
    this.process.kill('SIGKILL');
    await this.#gone;
    return moment;
  }

  get actedNs(): bigint | undefined {
    return this.#trace.actedNs;
  }

  get steps(): Point[] {
    return this.#trace.steps;
  }

  async #tell(message: object): Promise<void> {
    if (this.hasEnded) return;
    const heard = once(this.process, 'message');
    this.process.send(message, () => {}); // it may end meanwhile
    await Promise.race([heard, this.#gone]);
  }
}
