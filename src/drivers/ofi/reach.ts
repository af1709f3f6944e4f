/**
 * How this thread reaches other nodes: it asks the gateway of its own node for a connection, and then connects
 * to the other gateway over the fabric. One endpoint to each node carries all segments of it.
 */
import {
  RSMERR_BAD_CONF,
  RSMERR_CONN_ABORTED,
  RSMERR_CTLR_NOT_PRESENT,
  RSMERR_INTERRUPTED,
  RSMERR_REMOTE_NODE_UNREACHABLE,
  RsmError,
} from '../../errors.ts';
import { type FabricFailure, fabric, type NativeEndpoint } from '../../native/index.ts';
import { type GatewayAnswer, GatewayClient } from '../../node/index.ts';
import type { ConnectTarget } from '../driver.ts';
import { endListeners, type Remote } from './import.ts';

/** For the gateways to agree; the exporter has 1.5 seconds of it. */
const ASK_TIMEOUT_MS = 2000;
/** For the connection over the fabric. */
const CONNECT_TIMEOUT_MS = 2000;

type Connected = Extract<GatewayAnswer, { type: 'connected' }>;

/** An endpoint that is whole, and the other gateway's number of it. */
interface Reached {
  readonly importer: number;
  readonly endpoint: NativeEndpoint;
}

export interface ReachOptions {
  /** The runtime directory. */
  directory: string;
  gatewayUid: number;
  provider: string;
}

export class Reach {
  readonly #options: ReachOptions;
  readonly #endpoints: Map<number, Reached> = new Map();
  /** Connects that are to make the endpoint to a node: others wait for it, and use it. */
  readonly #making: Map<number, Promise<unknown>> = new Map();
  /** What to do when the gateway says that one of its connections is aborted. */
  readonly #aborts: Map<number, () => void> = new Map();
  #client: GatewayClient | undefined;
  #provider: string | undefined;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /** Blocks. @throws RsmError REMOTE_NODE_UNREACHABLE, CTLR_NOT_PRESENT: no libfabric; what the exporter says */
  connect(target: ConnectTarget): Remote {
    const before = this.#endpoints.get(target.node);
    try {
      return this.#connect(target);
    } catch (error) {
      if (!this.#wasBroken(target, before)) throw error;
      return this.#connect(target);
    }
  }

  #connect(target: ConnectTarget): Remote {
    const client = this.#dial();
    const connected = granted(client.askSync(this.#question(target), ASK_TIMEOUT_MS), target);
    const made = connected.fabric && fabric().connect(...this.#way(connected.fabric), CONNECT_TIMEOUT_MS);
    return this.#open(client, target, connected, made);
  }

  /** The same on the event loop. @throws RsmError INTERRUPTED: the signal was aborted */
  async connectAsync(target: ConnectTarget, signal: AbortSignal | undefined): Promise<Remote> {
    const { node } = target;
    while (!this.#endpoints.has(node) && this.#making.has(node)) {
      await ended(this.#making.get(node)!, signal);
      if (signal?.aborted) throw interrupted(signal);
    }
    const before = this.#endpoints.get(node);
    if (before !== undefined) {
      return this.#connectAsync(target, signal).catch((error: unknown) => {
        if (!this.#wasBroken(target, before) || signal?.aborted) throw error;
        return this.connectAsync(target, signal);
      });
    }
    const making = this.#connectAsync(target, signal);
    this.#making.set(node, making);
    return making.finally(() => this.#making.delete(node));
  }

  close(): void {
    for (const { endpoint } of this.#endpoints.values()) this.#drop(endpoint);
    this.#endpoints.clear();
    this.#client?.close();
    this.#client = undefined;
  }

  /** It was broken before we asked, and nobody knew: another one may do. */
  #wasBroken({ node }: ConnectTarget, before: Reached | undefined): boolean {
    return before !== undefined && this.#endpoints.get(node) !== before;
  }

  async #connectAsync(target: ConnectTarget, signal: AbortSignal | undefined): Promise<Remote> {
    const client = this.#dial();
    const reply = await client.ask(this.#question(target), ASK_TIMEOUT_MS, signal);
    if (signal?.aborted) {
      if (reply?.type === 'connected') client.disconnect(reply.connection);
      throw interrupted(signal);
    }
    const connected = granted(reply, target);
    if (connected.fabric === undefined) return this.#open(client, target, connected, undefined);
    const begun = fabric().connectAsync(...this.#way(connected.fabric), CONNECT_TIMEOUT_MS);
    if ('code' in begun) return this.#open(client, target, connected, begun);
    const { result, cancel } = begun;
    signal?.addEventListener('abort', cancel);
    const made = await result.finally(() => signal?.removeEventListener('abort', cancel));
    if (signal?.aborted) {
      if (!('code' in made)) fabric().closeEndpoint(made);
      client.disconnect(connected.connection);
      throw interrupted(signal);
    }
    return this.#open(client, target, connected, made);
  }

  /** @param made undefined: over the endpoint that there is */
  #open(
    client: GatewayClient,
    { node }: ConnectTarget,
    { connection, importer, grant, owner }: Connected,
    made: NativeEndpoint | FabricFailure | undefined,
  ): Remote {
    try {
      if (made !== undefined && 'code' in made) throw failed(node, made);
      if (made !== undefined) this.#keep(node, importer, made);
      const reached = this.#endpoints.get(node);
      // It broke while the gateways agreed.
      if (reached?.importer !== importer) throw unreachable(node, 'the connection to it broke');
      const remote = fabric().openRemote(reached.endpoint, grant);
      if (remote === RSMERR_CONN_ABORTED) {
        this.#forget(node, reached);
        throw unreachable(node, 'the connection to it was broken');
      }
      if (typeof remote === 'number') throw new RsmError(remote, 'connect');
      this.#aborts.set(connection, () => {
        fabric().abortRemote(remote);
        endListeners().fire(remote);
      });
      const leave = () => this.#aborts.delete(connection);
      const shown: Remote['shown'] = (place) => client.shown(connection, place);
      const { lengthBytes: byteLength, lockOwner } = grant;
      return { remote, byteLength, owner, lockOwner, shown, leave };
    } catch (error) {
      client.disconnect(connection);
      throw error;
    }
  }

  #keep(node: number, importer: number, endpoint: NativeEndpoint): void {
    const former = this.#endpoints.get(node);
    // The other gateway knows it no more.
    if (former !== undefined) this.#forget(node, former);
    const reached = { importer, endpoint };
    this.#endpoints.set(node, reached);
    endListeners().set(endpoint, () => this.#forget(node, reached));
  }

  /** It has broken. What is still on its way must not land after what comes over the next one. */
  #forget(node: number, reached: Reached): void {
    if (this.#endpoints.get(node) === reached) this.#endpoints.delete(node);
    this.#drop(reached.endpoint);
    this.#client?.importerGone(node, reached.importer);
  }

  #drop(endpoint: NativeEndpoint): void {
    endListeners().delete(endpoint);
    fabric().closeEndpoint(endpoint);
  }

  #question({ node, id, permission }: ConnectTarget) {
    const reached = this.#endpoints.get(node);
    return { type: 'connect' as const, node, id, permission, ...(reached && { importer: reached.importer }) };
  }

  #way({ host, port, ticket }: NonNullable<Connected['fabric']>) {
    return [{ provider: this.#provider!, host, port }, ticket] as const;
  }

  /** The gateway; libfabric first, which takes its time to load. */
  #dial(): GatewayClient {
    this.#provider ??= chooseProvider(this.#options.provider);
    if (this.#client?.isOpen) return this.#client;
    const { directory, gatewayUid } = this.#options;
    const client = GatewayClient.dial(directory, gatewayUid, ASK_TIMEOUT_MS, ({ connection }) => {
      const abort = this.#aborts.get(connection);
      this.#aborts.delete(connection);
      abort?.();
    });
    if (client === undefined) {
      const detail = `no gateway answers in ${directory}: start one with \`rsm gateway\``;
      throw new RsmError(RSMERR_REMOTE_NODE_UNREACHABLE, 'connect', detail);
    }
    this.#client = client;
    return client;
  }
}

/** @throws RsmError CTLR_NOT_PRESENT: no libfabric, or not that provider */
function chooseProvider(wanted: string): string {
  const library = fabric().library();
  if ('reason' in library) {
    const install =
      'other nodes are reached through libfabric, which is not there: apt-get install libfabric1';
    const detail = `${install} (${library.reason})`;
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'connect', detail);
  }
  const provider = fabric().provider(wanted);
  if (typeof provider === 'string') return provider;
  throw new RsmError(RSMERR_BAD_CONF, 'connect', provider.reason);
}

function granted(reply: GatewayAnswer | undefined, { node }: ConnectTarget): Connected {
  if (reply?.type === 'connected') return reply;
  if (reply?.type === 'refused') throw new RsmError(reply.code, 'connect', reply.detail);
  throw unreachable(node, 'the gateway of this node does not answer');
}

function failed(node: number, { code, reason }: FabricFailure): RsmError {
  return code === RSMERR_REMOTE_NODE_UNREACHABLE
    ? unreachable(node, reason)
    : new RsmError(code, 'connect', reason);
}

function unreachable(node: number, why: string): RsmError {
  return new RsmError(RSMERR_REMOTE_NODE_UNREACHABLE, 'connect', `node ${node}: ${why}`);
}

/** Until it has ended, whatever became of it, which is its caller's; or the signal is aborted. */
async function ended(making: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  let giveUp = (): void => {};
  const given = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  signal?.addEventListener('abort', giveUp);
  await Promise.race([given, making.catch(() => {})]);
  signal?.removeEventListener('abort', giveUp);
}

function interrupted(signal: AbortSignal): RsmError {
  return new RsmError(RSMERR_INTERRUPTED, 'connect', undefined, { cause: signal.reason });
}
