/**
 * The loopback controller: segments of the local node. Memory is mapped, so every transfer is a copy in
 * this process; the agent thread (native) does what must happen while JavaScript is busy.
 */
import type { ControllerAttributes } from '../../core/attributes.ts';
import { MAX_BUFFER_BYTES } from '../../core/limits.ts';
import type { LocalController } from '../../core/topology.ts';
import {
  RSMERR_CTLR_NOT_PRESENT,
  RSMERR_INTERRUPTED,
  RSMERR_SEG_NOT_PUBLISHED,
  RsmError,
} from '../../errors.ts';
import { type Connection, type ConnectRequest, type NativeImport, native } from '../../native/index.ts';
import { type Candidate, type Node, openNode, type Share } from '../../node/index.ts';
import type { ConnectTarget, Driver, DriverExport, DriverImport, MemoryRange } from '../driver.ts';
import { EndListeners } from '../ends.ts';
import { resultOf } from '../result.ts';
import { LoopbackExport } from './export.ts';
import { LoopbackImport } from './import.ts';

/** An exporter's agent answers in microseconds; one that takes this long is stopped or starved. */
const CONNECT_TIMEOUT_MS = 5000;
/** Bits for accesses of 1, 2, 4 and 8 bytes. */
const SIZES_TO_8_BYTES = 0xf;

/** native has one callback per thread, so its listeners are shared by the controllers of this thread. */
let aborts: EndListeners<NativeImport> | undefined;

export function openLoopback(options: { config: string | undefined }): Driver {
  return loopbackOn(openNode(options));
}

/** On a node that is open, and is closed with it. */
export function loopbackOn(node: Node): Driver {
  aborts ??= new EndListeners((ended) => native.onAbort(ended));
  return new Loopback(node, aborts);
}

class Loopback implements Driver {
  readonly name = 'loopback';
  readonly accessListLimit = 1;
  readonly lockOps = true;
  readonly attributes: ControllerAttributes;
  readonly #node: Node;
  readonly #aborts: EndListeners<NativeImport>;

  constructor(node: Node, listeners: EndListeners<NativeImport>) {
    this.#node = node;
    this.#aborts = listeners;
    this.attributes = attributesOf(node);
  }

  get nodeId(): number {
    return this.#node.id;
  }

  reaches(node: number): boolean {
    return node === this.#node.id;
  }

  interconnect(): LocalController[] {
    return this.#node.interconnect();
  }

  createExport(memory: MemoryRange, options: { readOnly: boolean; lockOps: boolean }): DriverExport {
    return new LoopbackExport(this.#node, memory, options);
  }

  connect(target: ConnectTarget): DriverImport {
    const share = this.#node.join('connect', 0);
    try {
      for (const candidate of this.#candidates(target)) {
        const found = this.#accept(native.connect(requestTo(candidate, target)), share);
        if (found !== undefined) return found;
      }
      throw notPublished(target);
    } catch (error) {
      share.leave();
      throw error;
    }
  }

  async connectAsync(target: ConnectTarget, signal: AbortSignal | undefined): Promise<DriverImport> {
    const share = this.#node.join('connect', 0);
    try {
      for (const candidate of this.#candidates(target)) {
        const found = this.#accept(await attempt(candidate, target, signal), share);
        if (found !== undefined) return found;
      }
      throw notPublished(target);
    } catch (error) {
      share.leave();
      throw error;
    }
  }

  close(): void {
    this.#node.close();
  }

  #candidates({ node, id }: ConnectTarget): Iterable<Candidate> {
    if (this.reaches(node)) return this.#node.find(id);
    const detail = `loopback reaches node ${this.nodeId} only, not node ${node}`;
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'connect', detail);
  }

  /** Undefined: that was a stale claim or a lie; the next candidate may be the right one. */
  #accept(answer: Connection | number, share: Share): DriverImport | undefined {
    if (answer === RSMERR_SEG_NOT_PUBLISHED) return undefined;
    return new LoopbackImport(resultOf(answer, 'connect'), share, this.#aborts);
  }
}

async function attempt(
  candidate: Candidate,
  target: ConnectTarget,
  signal: AbortSignal | undefined,
): Promise<Connection | number> {
  if (signal?.aborted) throw interrupted(signal);
  const begun = native.connectAsync(requestTo(candidate, target));
  if (typeof begun === 'number') return begun;
  const { result, cancel } = begun;
  signal?.addEventListener('abort', cancel);
  const answer = await result.finally(() => signal?.removeEventListener('abort', cancel));
  if (answer === RSMERR_INTERRUPTED && signal?.aborted) throw interrupted(signal);
  return answer;
}

function requestTo({ socketPath, uid }: Candidate, { node, id, permission }: ConnectTarget): ConnectRequest {
  return { socketPath, owner: uid, node, id, permission, timeoutMs: CONNECT_TIMEOUT_MS };
}

function notPublished({ id }: ConnectTarget): RsmError {
  const detail = `no segment 0x${id.toString(16)} is published on this node; its exporter may not be ready yet`;
  return new RsmError(RSMERR_SEG_NOT_PUBLISHED, 'connect', detail);
}

function interrupted(signal: AbortSignal): RsmError {
  return new RsmError(RSMERR_INTERRUPTED, 'connect', undefined, { cause: signal.reason });
}

function attributesOf({ limits }: Node): ControllerAttributes {
  return Object.freeze({
    directAccessSizes: SIZES_TO_8_BYTES,
    atomicSizes: SIZES_TO_8_BYTES,
    pageSizes: native.pageSize() / 1024,
    maxExportSegmentSize: 0,
    totExportSegmentSize: 0,
    maxExportSegments: limits.maxSegments,
    maxImportMapSize: MAX_BUFFER_BYTES,
    totImportMapSize: 0,
    maxImportSegments: limits.maxSegments,
  });
}
