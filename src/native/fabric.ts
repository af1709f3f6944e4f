/**
 * The declaration of the addon `fabric`: one-sided access to the segments of other nodes through libfabric.
 * It is optional: built where libfabric's headers are, loaded on first need, and libfabric is looked for at
 * run time. Like `index.ts` it checks types and holds no policy.
 *
 * Initiator: an importing process. One endpoint for each gateway it reaches, and over it the segments that
 * were granted. Target: the gateway of the exporting node, whose own native thread serves the endpoints;
 * JavaScript hears of admissions and ends only.
 *
 * A value of the wrong type is a TypeError. A handle that has ended, or is another thing, is BAD_SEG_HNDL
 * where a code is returned; elsewhere the call does nothing.
 */
import type { Code, NativePort } from './index.ts';
import { load } from './load.ts';

declare const kind: unique symbol;
/** Opaque native objects. Each belongs to the thread that made it and ends with it at the latest. */
export type NativeTarget = { readonly [kind]: 'target' };
export type NativeEndpoint = { readonly [kind]: 'endpoint' };
export type NativeRemote = { readonly [kind]: 'remote' };

/** Single-use, random: what a connection is let in with. */
export const TICKET_BYTES = 32;

/** Where a target listens. */
export interface FabricAddress {
  /** libfabric's name: `net`, `tcp`. Both sides must use ones that understand each other. */
  provider: string;
  /** Numeric, IPv4 or IPv6. */
  host: string;
  port: number;
}

/** What a region is addressed by: opaque, secret, only valid on the connection it was granted to. */
export interface RegionKey {
  key: bigint;
  base: bigint;
}

/** A segment as the target granted it to one importer. */
export interface Grant {
  /** Of the segment on its connection; not used again. */
  segment: number;
  data: RegionKey;
  /** The first two pages of the control block (native/loopback/layout.h), read-only. */
  control: RegionKey;
  lengthBytes: number;
  /** 0400, 0200, 0600. */
  permission: number;
  /** The importer's number in lock words; 0: no lock operations. */
  lockOwner: number;
}

/** For people, where libfabric said no. */
export interface FabricFailure {
  code: Code;
  reason: string;
}

/** What a target tells, on the event loop. All of an importer's segments end with it. */
export type TargetEvent =
  /** Its ticket was presented; from now on it is served. */
  | 'connected'
  /** The importer has disconnected one segment: nothing of it is under way any more. */
  | 'released'
  /** The connection is gone, or its ticket was not presented in time. The number means nothing any more. */
  | 'ended'
  /** Somebody presented no ticket that is good. One that has not been heard yet stands for all. */
  | 'refused'
  /** What the importer sent breaks the rules of native/fabric/message.h: 'ended' follows. */
  | 'cheated';

export type FabricAtomic = 'add' | 'and' | 'or' | 'xor' | 'exchange' | 'compareExchange';

export interface Fabric {
  /** The version of the libfabric found, `1.17`; or why there is none, for people. Loads it on first use. */
  library(): { version: string } | { reason: string };
  /** The provider that `wanted` ('auto' or a name) comes to on this machine. */
  provider(wanted: string): string | FabricFailure;

  // Target.
  /** Listens; port 0: the system chooses. `told` hears what happens to importers; segment 0 where the event
   * is not about one. `from`: who was refused, '' where that is not known. Keeps the process alive until
   * closeTarget. */
  openTarget(
    address: FabricAddress,
    told: (event: TargetEvent, importer: number, segment: number, from: string) => void,
  ): { target: NativeTarget; address: FabricAddress } | FabricFailure;
  /** Ends every importer. Nothing is told afterwards. */
  closeTarget(target: NativeTarget): void;
  /** Lets in whoever presents the ticket (TICKET_BYTES) first, within that time. Its number, which is never
   * used again. INSUFFICIENT_RESOURCES: out of descriptors. */
  admit(target: NativeTarget, ticket: Uint8Array, expiresMs: number): { importer: number } | Code;
  /**
   * Registers the whole segment for this importer: it may put and get as `permission` says, post, wait, and
   * use locks and atomics. Also before it has connected. The port is that of an import which the caller has
   * connected on the importer's behalf and not mapped; it may disconnect the import after `revoke`, 'released'
   * or 'ended', and not before. BAD_SEG_HNDL: no such importer; CONN_ABORTED; INSUFFICIENT_RESOURCES.
   */
  grant(target: NativeTarget, importer: number, port: NativePort, permission: number): Grant | Code;
  /** The segment was withdrawn, or its import is about to be disconnected: the importer is told, and its accesses
   * go to the scratch pages that the end of the import leaves there. Harmless for an unknown number. */
  revoke(target: NativeTarget, importer: number, segment: number): void;
  /** When it returns nothing of its accesses lands any more. Harmless for an unknown number. Told as 'ended'. */
  endImporter(target: NativeTarget, importer: number): void;

  // Initiator: endpoints.
  /** Blocks. REMOTE_NODE_UNREACHABLE: nobody there, in that time, or the ticket was refused. */
  connect(address: FabricAddress, ticket: Uint8Array, timeoutMs: number): NativeEndpoint | FabricFailure;
  /** The same on a thread of the pool; `cancel` ends it with INTERRUPTED. */
  connectAsync(
    address: FabricAddress,
    ticket: Uint8Array,
    timeoutMs: number,
  ): { result: Promise<NativeEndpoint | FabricFailure>; cancel(): void } | FabricFailure;
  /** Ends it and every segment over it. */
  closeEndpoint(endpoint: NativeEndpoint): void;
  /** Calls back on this thread when an endpoint has broken, and when a remote has ended: with its endpoint, or
   * withdrawn by the exporter. Does not keep the process alive. */
  onEnd(callback: (ended: NativeEndpoint | NativeRemote) => void): void;

  // Initiator: segments. `at` and `length` are bytes within `view`. Ranges have been checked against the
  // segment. CONN_ABORTED: the endpoint is broken, or was found broken by this call; the segment has ended.
  openRemote(endpoint: NativeEndpoint, grant: Grant): NativeRemote | Code;
  /** Tells the target, after everything that was put. Pending events are lost. */
  closeRemote(remote: NativeRemote): void;
  /** The exporter has withdrawn it, says somebody else. */
  abortRemote(remote: NativeRemote): void;
  /** Whether it is whole as far as is known here. */
  isWhole(remote: NativeRemote): boolean;
  /** checked: waits until it is there, and exported memory still. Else the bytes are only on their way. */
  put(
    remote: NativeRemote,
    offset: number,
    view: ArrayBufferView,
    at: number,
    length: number,
    checked: boolean,
  ): Code;
  get(
    remote: NativeRemote,
    offset: number,
    view: ArrayBufferView,
    at: number,
    length: number,
    checked: boolean,
  ): Code;
  /** Checked ones. The view must stay as it is until then. */
  putAsync(
    remote: NativeRemote,
    offset: number,
    view: ArrayBufferView,
    at: number,
    length: number,
  ): Promise<Code>;
  getAsync(
    remote: NativeRemote,
    offset: number,
    view: ArrayBufferView,
    at: number,
    length: number,
  ): Promise<Code>;
  /** The generation check of rsmapi.md 1.7: 0 when everything before it reached memory that was exported. */
  check(remote: NativeRemote): Code;
  /** Carried out by the target, indivisible to every other access of that width: 4 or 8 bytes, aligned.
   * Operands and the old value are unsigned. */
  atomic(
    remote: NativeRemote,
    operation: FabricAtomic,
    width: number,
    offset: number,
    operand: bigint,
    comparand: bigint,
  ): bigint | Code;

  // Events, as in index.ts.
  post(remote: NativeRemote, noAccumulate: boolean): Code;
  take(remote: NativeRemote): boolean;
  wait(remote: NativeRemote, timeoutMs: number): Code;
  eventDescriptor(remote: NativeRemote): number;
  watch(remote: NativeRemote, callback: (() => void) | null, alive: boolean): Code;

  // Locks, as in index.ts. Tickets are unique among all requests of this thread.
  requestLock(remote: NativeRemote, offset: number, ticket: number, atOnce: boolean): Code;
  cancelLock(remote: NativeRemote, ticket: number): void;
  /** Frees a word that was found contended. */
  releaseLock(remote: NativeRemote, offset: number): void;
  waitLock(remote: NativeRemote, ticket: number, timeoutMs: number): boolean | Code;
  /** Of requests that nobody has waited for. Does not keep the process alive. */
  onLockAnswer(callback: (ticket: number, answer: boolean | Code) => void): void;
}

let loaded: Fabric | undefined;

/** Loads the addon on first use. Throws an `Error` that says what to do. */
export function fabric(): Fabric {
  loaded ??= load<Fabric>('fabric', 'Install libfabric-dev, then run `npm run build:native` in the package.');
  return loaded;
}
