/**
 * The process of a crash test that ends: what it has, what it does, and how it ends at a certain step of it
 * (points.c). The bodies run in the victim, in its main thread or in a worker, and use nothing of this file.
 */
import type { Worker } from 'node:worker_threads';
import type { Controller, ExportSegment, HeldLock, ImportSegment } from '../../../src/api/index.ts';
import { type Peer, startPeer } from '../peer.ts';
import { preloaded } from '../program.ts';
import { killed } from '../runtime.ts';
import { type End, orderOf, type Point, Trace } from './trace.ts';

/** What a victim has in the thread that acts. */
export interface VictimState {
  controller: Controller;
  memories: ArrayBuffer[];
  segment: ExportSegment;
  imported: ImportSegment;
  lock: HeldLock;
}

interface Kept {
  crash: VictimState;
  worker: Worker;
}

type Api = typeof import('../../../src/api/index.ts');
type Context = { api: Api; kept: unknown };

/** How far it is before the operation: `published` includes `created`, `mapped` includes `imported`. */
export interface Stage {
  own: 'nothing' | 'created' | 'published';
  import: 'nothing' | 'imported' | 'mapped';
  /** Of the surviving exporter's segment: who has its lock. `awaited`: the exporter, and the victim waits for it. */
  lock?: 'free' | 'victim' | 'exporter' | 'awaited';
}

/** Of the lock in each segment; what is put elsewhere leaves it alone. */
export const LOCK = 64;

async function prepare(
  { api, kept }: Context,
  stage: Stage,
  own: number,
  other: number,
  lock: number,
): Promise<void> {
  const crash = { controller: api.openController() } as VictimState;
  (kept as Kept).crash = crash;
  crash.memories = [0x11, 0x22].map((value) => {
    const memory = api.allocate(8192);
    new Uint8Array(memory).fill(value).fill(0, lock, lock + 4);
    return memory;
  });
  if (stage.own !== 'nothing') {
    const options = { allowRebind: true, lockOps: true };
    crash.segment = crash.controller.createExport(crash.memories[0]!, options);
  }
  if (stage.own === 'published') crash.segment.publish({ id: own });
  if (stage.import === 'nothing') return;
  crash.imported = await crash.controller.connect({ id: other, mode: 'rw' });
  if (stage.import === 'mapped') crash.imported.map();
  const keep = (held: HeldLock): void => {
    crash.lock = held;
  };
  if (stage.lock === 'victim') keep(await crash.imported.lock(lock).acquire());
  if (stage.lock === 'awaited') void crash.imported.lock(lock).acquire().then(keep);
}

/** Arms, acts, and where there was no step to end at, ends now. Returns the code. */
function perform(
  { kept }: Context,
  order: string,
  what: string,
  id: number,
  last: string,
  lock: number,
): string {
  const { controller, memories, segment, imported } = (kept as Kept).crash;
  const crash = (kept as Kept).crash;
  const take = (): void => {
    crash.lock = imported.lock(lock).acquireSync()!;
  };
  process.getBuiltinModule('node:fs').accessSync(order);
  let code = 'done';
  const actions: Record<string, () => void> = {
    create: () => {
      crash.segment = controller.createExport(memories[0]!);
    },
    publish: () => void segment.publish({ id }),
    republish: () => segment.republish([]),
    rebind: () => segment.rebind(memories[1]!),
    unpublish: () => segment.unpublish(),
    destroy: () => segment.close(),
    connect: () => {
      crash.imported = controller.connectSync({ id, mode: 'rw' });
    },
    map: () => void imported.map(),
    put: () => imported.put(0, new Uint8Array(8).fill(0x33)),
    get: () => imported.get(0, new Uint8Array(8)),
    barrier: () => {
      const span = imported.barrier();
      span.open();
      span.close();
    },
    unmap: () => imported.unmap(),
    disconnect: () => imported.close(),
    'post to importers': () => segment.post(),
    'post to the exporter': () => imported.post(),
    'wait for an importer': () => void segment.waitSync(-1),
    'wait for the exporter': () => void imported.waitSync(-1),
    lock: take,
    'wait for a lock': take,
    unlock: () => crash.lock.release(),
    exit: () => process.exit(0),
    served: () => {},
  };
  try {
    actions[what]!();
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error);
  }
  if (last !== 'SIGKILL' && last !== 'SIGSTOP') return code;
  process.getBuiltinModule('node:fs').accessSync('/crash-point/mark');
  process.kill(process.pid, last);
  return code;
}

/** Ends from JavaScript once another thread has come to the point, or at once where there is none. */
function endAt({ kept }: Context, how: string, acted: string): void {
  const { existsSync: exists, accessSync } = process.getBuiltinModule('node:fs');
  const timer = setInterval(() => {
    if (acted !== '' && !exists(acted)) return;
    clearInterval(timer);
    accessSync('/crash-point/mark');
    if (how === 'terminate') void (kept as Kept).worker.terminate();
    else if (how === 'process.exit') process.exit(3);
    else throw new Error('an exception nobody catches');
  }, 1);
}

export class Victim {
  readonly peer: Peer;
  readonly inWorker: boolean;
  readonly #trace: Trace;

  private constructor(peer: Peer, inWorker: boolean, trace: Trace) {
    this.peer = peer;
    this.inWorker = inWorker;
    this.#trace = trace;
  }

  static async start(library: string, directory: string, inWorker: boolean): Promise<Victim> {
    const trace = new Trace(`${directory}.trace`);
    const env = { LD_PRELOAD: preloaded(library), RSM_CRASH_TRACE: trace.path, RSM_RUNTIME_DIR: directory };
    const peer = await startPeer({ env });
    killed.add(peer.pid);
    const victim = new Victim(peer, inWorker, trace);
    if (inWorker) await victim.#startWorker();
    return victim;
  }

  /** Prepares the thread that acts, and for a worker the main thread, too, whose segment is `mainId`. */
  async prepare(stage: Stage, own: number, other: number, mainId: number): Promise<void> {
    await this.#run(prepare, stage, own, other, LOCK);
    if (!this.inWorker) return;
    await this.peer.run(prepare as never, { own: 'published', import: 'nothing' }, mainId, other, LOCK);
  }

  /** Starts the operation. The promise may never settle: the thread ends. */
  perform(what: string, id: number, end: End | 'trace', point: Point): Promise<string> {
    const last = point.number > 0 ? '' : end.startsWith('SIGSTOP') ? 'SIGSTOP' : end;
    return this.#run(perform, orderOf(end, point), what, id, last, LOCK);
  }

  /** An end that leaves the rest of the process alive. */
  endsAsThread(end: End): boolean {
    return this.inWorker && (end === 'terminate' || end === 'exception');
  }

  /** Ends once another thread has come to the point; resolves when the thread or the process has ended. */
  async endFromJavaScript(end: End, point: Point): Promise<void> {
    const gone = this.#gone(end);
    const acted = point.number > 0 ? this.#trace.acted : '';
    await this.#end(end, acted);
    await gone;
  }

  /** It never came to the point. */
  async endNow(end: End): Promise<void> {
    await this.#end(end, '');
  }

  async #gone(end: End): Promise<void> {
    const { process } = this.peer;
    if (!this.endsAsThread(end)) {
      const closed = new Promise<void>((done) => process.once('close', () => done()));
      return process.exitCode === null && process.signalCode === null ? await closed : undefined;
    }
    await this.peer.run(({ kept }) => {
      const { worker } = kept as unknown as Kept;
      return new Promise<void>((done) => {
        if (worker.threadId === -1) done(); // has ended already
        worker.once('exit', () => done());
      });
    });
  }

  /** An exception ends the thread that it is thrown in; the others are the main thread's to end. */
  async #end(end: End, acted: string): Promise<void> {
    const run =
      end === 'exception' ? this.#run(endAt, end, acted) : this.peer.run(endAt as never, end, acted);
    await (run as Promise<void>).catch(() => {}); // has ended already
  }

  get actedNs(): bigint | undefined {
    return this.#trace.actedNs;
  }

  get steps(): Point[] {
    return this.#trace.steps;
  }

  async #startWorker(): Promise<void> {
    const program = new URL('../../process/programs/worker.mjs', import.meta.url).pathname;
    await this.peer.run(async ({ kept }, path: string) => {
      const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
      const worker = new Thread(path);
      await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      worker.on('error', () => {}); // from now on it is meant to end
      (kept as unknown as Kept).worker = worker;
    }, program);
  }

  #run<A extends unknown[], R>(body: (context: Context, ...args: A) => R, ...args: A): Promise<Awaited<R>> {
    if (!this.inWorker) return this.peer.run(body as never, ...(args as unknown as never[]));
    return this.peer.run(
      async ({ kept }, source: string, given: unknown[]) => {
        const { worker } = kept as unknown as Kept;
        const answer = new Promise<{ result?: unknown; error?: string }>((resolve) => {
          worker.once('message', resolve);
          worker.once('exit', () => resolve({ error: 'the worker has ended' }));
        });
        worker.postMessage({ body: source, args: given });
        const { result, error } = await answer;
        if (error) throw new Error(error);
        return result as never;
      },
      body.toString(),
      args,
    );
  }
}
