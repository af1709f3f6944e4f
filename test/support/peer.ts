/**
 * Other processes: real Node processes that a test drives step by step. What they run is sent as the text
 * of a function, so it may use its arguments and globals and nothing else of the test file: modules of Node
 * by `process.getBuiltinModule`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { plane } from './plane.ts';
import { killed } from './runtime.ts';
import {
  type Exported,
  type ExportOptions,
  exported,
  type Imported,
  type ImportOptions,
  imported,
  opened,
  type Tools,
} from './segments.ts';
import { stop } from './stop.ts';

const program = fileURLToPath(new URL('./peer.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

export interface PeerOptions {
  uid?: number;
  gid?: number;
  groups?: number[];
  env?: Record<string, string>;
  /** Arguments of prlimit(1): `['--nofile=40']`. */
  limits?: string[];
  /** A program and its arguments to start the process through: `['unshare', '--mount', …]`. */
  through?: string[];
}

/** What a function that runs in a peer gets. */
export interface PeerContext extends Tools {
  api: typeof import('../../src/api/index.ts');
  dist: string;
  exported(options?: ExportOptions): Exported;
  imported(options: ImportOptions): Imported;
  /** Survives from one call to the next. */
  kept: { exported: Exported; imported: Imported; imports: Imported[]; buffer: ArrayBuffer };
}

interface Answer {
  id: number;
  result?: unknown;
  error?: { message: string; code?: string; stack?: string };
}

type Body<A extends unknown[], R> = (context: PeerContext, ...args: A) => R;

export class Peer {
  readonly process: ChildProcess;
  #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 1;
  #errors = '';
  #end: string | undefined;

  constructor(child: ChildProcess) {
    this.process = child;
    createInterface({ input: child.stdout! }).on('line', (line) => this.#receive(JSON.parse(line) as Answer));
    child.stderr!.on('data', (chunk) => {
      this.#errors += chunk;
    });
    child.stdin!.on('error', () => {}); // the exit below tells
    child.on('close', (code, signal) => this.#ended(`peer ended: ${signal ?? code}\n${this.#errors}`));
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Resolves once the process has loaded the library. */
  ready(): Promise<unknown> {
    return this.#expect(0);
  }

  /** Evaluates `body` there. Arguments and result travel as JSON. */
  run<A extends unknown[], R>(body: Body<A, R>, ...args: A): Promise<Awaited<R>> {
    const id = this.#next++;
    const answer = this.#expect(id);
    this.process.stdin!.write(`${JSON.stringify({ id, body: body.toString(), args })}\n`);
    return answer as Promise<Awaited<R>>;
  }

  /** Exports there; kept as `kept.exported`. Returns the segment id. */
  export(options: ExportOptions = {}): Promise<number> {
    return this.run(({ kept, exported: make }, wanted: ExportOptions) => {
      kept.exported = make(wanted);
      return kept.exported.id;
    }, options);
  }

  /** Connects there; kept as `kept.imported`. */
  async import(options: ImportOptions): Promise<void> {
    await this.run(({ kept, imported: make }, wanted: ImportOptions) => {
      kept.imported = make(wanted);
    }, options);
  }

  /** The result code of a connect there; a connection that succeeds is ended again. */
  connectCode(id: number, mode = 0o600, node = plane.exporting.node): Promise<number> {
    return this.run(
      ({ rsm, opened }, wanted: number, permission: number, target: number) => {
        const controller = opened('importing');
        const segment = rsm.out<import('../../src/librsm/index.ts').rsm_memseg_import_handle_t>();
        const result = rsm.rsm_memseg_import_connect(controller, target, wanted, permission, segment);
        if (result === 0) rsm.rsm_memseg_import_disconnect(segment.value!);
        rsm.rsm_release_controller(controller);
        return result;
      },
      id,
      mode,
      node,
    );
  }

  /** Ends the process as a program that is done ends: nothing is closed by hand. Returns the exit code. */
  async exit(): Promise<number | null> {
    if (!this.#alive) return this.process.exitCode;
    const closed = once(this.process, 'close');
    this.process.stdin!.end();
    await closed;
    return this.process.exitCode;
  }

  /** Nothing in the process gets a chance to clean up. */
  async kill(): Promise<void> {
    if (!this.#alive) return;
    killed.add(this.pid);
    const closed = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await closed;
  }

  /** Stops every thread of the process, until `resume`. */
  async stop(): Promise<void> {
    await stop(this.pid);
  }

  resume(): void {
    this.process.kill('SIGCONT');
  }

  /** exit() for the end of a test: a process that does not end by itself, or not well, is a defect. */
  async end(): Promise<void> {
    if (!this.#alive) return;
    const patience = new AbortController();
    void setTimeout(20_000, undefined, patience).then(
      () => this.kill(),
      () => {}, // it ended
    );
    const code = await this.exit();
    patience.abort();
    if (code !== 0) throw new Error(`a peer ended with ${this.process.signalCode ?? code}\n${this.#errors}`);
  }

  get #alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  #expect(id: number): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(new Error(this.#end));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #receive({ id, result, error }: Answer): void {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) call?.reject(Object.assign(new Error(error.stack ?? error.message), { code: error.code }));
    else call?.resolve(result);
  }

  #ended(reason: string): void {
    this.#end = reason;
    for (const call of this.#waiting.values()) call.reject(new Error(reason));
    this.#waiting.clear();
  }
}

/** Starts a peer as the given user, on the node of RSM_RUNTIME_DIR. It dies with this process. */
export async function startPeer(options: PeerOptions = {}): Promise<Peer> {
  if (!existsSync(dist)) throw new Error('peers run the built package: npm run build first');
  const { uid, gid = uid, groups, limits, through = [] } = options;
  const command = [...through];
  if (limits) command.push('prlimit', ...limits);
  command.push('setpriv', '--pdeathsig', 'KILL');
  if (gid !== undefined)
    command.push('--regid', String(gid), groups ? `--groups=${groups}` : '--clear-groups');
  if (uid !== undefined) command.push('--reuid', String(uid));
  command.push(process.execPath, program);
  const scene = JSON.stringify({
    plane,
    helpers: {
      opened: opened.toString(),
      exported: exported.toString(),
      imported: imported.toString(),
    },
  });
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...process.env, RSM_TEST_DIST: dist, RSM_TEST_SCENE: scene, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const peer = new Peer(child);
  await peer.ready();
  return peer;
}
