/**
 * Segments of this node for processes of others: connects on their behalf, lets the exporter's agent
 * decide, and grants what it got over the fabric. One connection to the exporter for each importer.
 */
import { randomBytes } from 'node:crypto';
import {
  describeResult,
  RSMERR_BAD_SEG_HNDL,
  RSMERR_CONN_ABORTED,
  RSMERR_INSUFFICIENT_RESOURCES,
  RSMERR_PERM_DENIED,
  RSMERR_REMOTE_NODE_UNREACHABLE,
  RSMERR_SEG_NOT_PUBLISHED,
} from '../errors.ts';
import { type Code, type Connection, type NativeImport, native } from '../native/index.ts';
import { CONNECTED, STATUS_STATE } from '../native/layout.ts';
import { TRANSFER_COUNTERS } from '../native/record-layout.ts';
import type { Candidate, RemoteImport, RemoteSlot } from '../node/index.ts';
import type { Link, Refusal } from './link.ts';
import { type Suspect, Suspicions } from './suspicions.ts';
import type { FabricTarget, Grant, TargetHandlers } from './target.ts';
import { MOST_GROUPS, squashed } from './users.ts';
import type { Connect, Counts } from './wire/link_pb.ts';

/** The other gateway waits no longer than ANSWER_MS for the whole. */
const EXPORTER_MS = 1500;
const TICKET_BYTES = 32;
const TICKET_MS = 10_000;
/** Of one peer, under way at once: each waits for an exporter on a thread of a small pool. */
const MOST_PENDING = 64;

interface Importer extends Suspect<Link> {
  /** Why it ends is known. */
  explained: boolean;
  /** By the target's number. */
  readonly segments: Map<number, Exported>;
}

/** One segment for one importer. */
interface Exported {
  readonly connection: number;
  readonly importer: number;
  readonly handle: NativeImport;
  /** Kept: the import ends when its control pages are collected. */
  readonly control: ArrayBuffer;
  segment: number;
  /** What this node shows of it. */
  slot: RemoteSlot | undefined;
}

export interface ExportingOptions {
  /** This one. */
  node: number;
  show(remote: RemoteImport): RemoteSlot;
  find(id: number): Iterable<Candidate>;
  squash: 'none' | 'unknown' | 'all';
  /** Somebody was refused, or broke the rules, on the fabric. */
  refused(who: string, why: string): void;
}

/**
 * The exporting side, if there is a fabric.
 * @param openTarget makes the target, which tells the handlers on the event loop
 */
export function openExporting(
  options: ExportingOptions,
  openTarget: (handlers: TargetHandlers) => FabricTarget | undefined,
): Exporting | undefined {
  const target = openTarget({
    released: (importer, segment) => exporting?.released(importer, segment),
    ended: (importer) => exporting?.ended(importer),
    refused: (from) => exporting?.refused(from),
    cheated: (importer) => exporting?.cheated(importer),
  });
  const exporting = target && new Exporting(options, target);
  return exporting;
}

export class Exporting implements TargetHandlers {
  readonly #options: ExportingOptions;
  readonly #target: FabricTarget;
  readonly #importers: Map<number, Importer> = new Map();
  readonly #connections: Map<number, Exported> = new Map();
  readonly #byHandle: Map<NativeImport, Exported> = new Map();
  readonly #pending: Map<Link, number> = new Map();
  readonly #suspicions: Suspicions<Link>;
  #lastConnection = 0;

  constructor(options: ExportingOptions, target: FabricTarget) {
    this.#options = options;
    this.#target = target;
    this.#suspicions = new Suspicions(options.refused);
    native.onAbort((handle) => this.#withdrawn(handle));
  }

  get size(): number {
    return this.#connections.size;
  }

  /** What is to be answered on the link, if that is still there. */
  async connect(link: Link, connect: Connect): Promise<Refusal | Granted> {
    const pending = this.#pending.get(link) ?? 0;
    if (pending >= MOST_PENDING) return busy();
    this.#pending.set(link, pending + 1);
    try {
      return await this.#serve(link, connect);
    } finally {
      // Unless it has ended meanwhile.
      const left = this.#pending.get(link);
      if (left !== undefined) this.#pending.set(link, left - 1);
    }
  }

  /** The importing side does not want it. */
  disconnect(link: Link, connection: number): void {
    const exported = this.#connections.get(connection);
    // Somebody else's is none of its business.
    if (exported === undefined || this.#importers.get(exported.importer)?.link !== link) return;
    this.#target.revoke(exported.importer, exported.segment);
    this.#forget(exported);
  }

  processGone(link: Link, process: number): void {
    this.#suspicions.explain(link, process);
    for (const [number, importer] of this.#importers) {
      if (importer.link === link && importer.process === process) this.#endImporter(number);
    }
  }

  /** Before the next frame of that link is looked at nothing lands over it any more. */
  importerGone(link: Link, process: number, importer: number): void {
    this.#suspicions.explain(link, process, importer);
    const known = this.#importers.get(importer);
    if (known?.link === link && known.process === process) this.#endImporter(importer);
  }

  linkDown(link: Link): void {
    this.#pending.delete(link);
    this.#suspicions.explain(link);
    for (const [number, importer] of this.#importers) {
      if (importer.link === link) this.#endImporter(number);
    }
  }

  /** What the importer has done so far, says its gateway. */
  counts(link: Link, { connection, values }: Counts): void {
    const exported = this.#connections.get(connection);
    if (exported === undefined || this.#importers.get(exported.importer)?.link !== link) return;
    if (values.length !== TRANSFER_COUNTERS) throw new Error('counts that are none');
    exported.slot?.counts.set(values);
  }

  released(importer: number, segment: number): void {
    const exported = this.#importers.get(importer)?.segments.get(segment);
    if (exported !== undefined) this.#end(exported, 0);
  }

  ended(importer: number): void {
    const known = this.#importers.get(importer);
    if (known === undefined) return;
    this.#importers.delete(importer);
    if (known.segments.size > 0 && !known.explained) {
      this.#suspicions.begin(importer, known, known.segments.size);
    }
    for (const exported of known.segments.values()) this.#tellEnd(known, exported, RSMERR_CONN_ABORTED);
  }

  refused(from: string): void {
    this.#options.refused(from || 'somebody', 'presented no ticket that is good, on the fabric');
  }

  cheated(importer: number): void {
    const known = this.#importers.get(importer);
    if (known === undefined) return;
    known.explained = true;
    this.#options.refused(known.who, 'sent what breaks the rules, on the fabric');
  }

  close(): void {
    this.#suspicions.close();
    this.#target.close();
    for (const { handle } of this.#connections.values()) native.disconnect(handle, null);
    this.#connections.clear();
  }

  async #serve(link: Link, connect: Connect): Promise<Refusal | Granted> {
    const got = await this.#reach(link.node, connect);
    if (typeof got === 'number') return refusal(got, connect.id);
    const { handle, uid, pid } = got;
    const answer = this.#pending.has(link) ? this.#grant(link, connect, got) : unpublished();
    // What aborted it may have been told before we could listen.
    const whole = new Int32Array(got.control)[STATUS_STATE] === CONNECTED;
    if (!('code' in answer) && whole) {
      this.#connections.get(answer.connection)!.slot = this.#show(link, connect, got);
      return { ...answer, ownerUid: uid, ownerPid: pid };
    }
    if (!('code' in answer)) this.disconnect(link, answer.connection);
    else native.disconnect(handle, null);
    return 'code' in answer ? answer : unpublished();
  }

  /** The exporter's agent decides. */
  async #reach(node: number, { id, permission, user }: Connect): Promise<Connection | Code> {
    if (user === undefined || user.groups.length > MOST_GROUPS) return RSMERR_PERM_DENIED;
    const { uid, gid, groups } = squashed(user, this.#options.squash);
    const onBehalf = { uid, gid, groups: Uint32Array.from(groups) };
    const deadline = Date.now() + EXPORTER_MS;
    for (const { socketPath, uid: owner } of this.#options.find(id)) {
      const timeoutMs = Math.max(0, deadline - Date.now());
      const request = { socketPath, owner, node, id, permission, timeoutMs, onBehalf };
      const begun = native.connectAsync(request);
      const answer = typeof begun === 'number' ? begun : await begun.result;
      if (answer !== RSMERR_SEG_NOT_PUBLISHED) return answer;
    }
    return RSMERR_SEG_NOT_PUBLISHED;
  }

  #grant(
    link: Link,
    { process, importer: wanted, permission, user }: Connect,
    got: Connection,
  ): Refusal | Given {
    const known = this.#importers.get(wanted);
    // Whoever names an importer of somebody else gets a new one of its own.
    if (known?.link === link && known.process === process) {
      const grant = this.#target.grant(wanted, got.handle, permission);
      if (typeof grant !== 'number') return this.#given(known, wanted, got, grant);
      if (grant !== RSMERR_BAD_SEG_HNDL) return refusal(grant);
    }
    const ticket = randomBytes(TICKET_BYTES);
    const admitted = this.#target.admit(ticket, TICKET_MS);
    if (typeof admitted === 'number') return refusal(admitted);
    const { importer } = admitted;
    const who = `node ${link.node}, uid ${user?.uid}`;
    const fresh: Importer = { link, process, who, explained: false, segments: new Map() };
    this.#importers.set(importer, fresh);
    const grant = this.#target.grant(importer, got.handle, permission);
    if (typeof grant !== 'number') {
      return {
        ...this.#given(fresh, importer, got, grant),
        admission: { ...this.#target.address, ticket },
      };
    }
    this.#target.endImporter(importer);
    return refusal(grant);
  }

  #given(of: Importer, importer: number, { handle, control }: Connection, grant: Grant): Given {
    this.#lastConnection += 1;
    const connection = this.#lastConnection;
    const { segment } = grant;
    const exported: Exported = { connection, importer, handle, control, segment, slot: undefined };
    of.segments.set(segment, exported);
    this.#connections.set(connection, exported);
    this.#byHandle.set(handle, exported);
    return { connection, importer, grant: { ...grant, lengthBytes: BigInt(grant.lengthBytes) } };
  }

  /** The exporter has withdrawn it, or is gone. */
  #withdrawn(handle: NativeImport): void {
    const exported = this.#byHandle.get(handle);
    if (exported === undefined) return;
    this.#target.revoke(exported.importer, exported.segment);
    this.#end(exported, RSMERR_CONN_ABORTED);
  }

  #endImporter(number: number): void {
    this.#importers.get(number)!.explained = true;
    this.#target.endImporter(number);
  }

  #end(exported: Exported, code: number): void {
    const importer = this.#importers.get(exported.importer);
    if (importer !== undefined) this.#tellEnd(importer, exported, code);
    else this.#forget(exported);
  }

  #tellEnd({ link }: Importer, exported: Exported, code: number): void {
    link.send({ case: 'ended', value: { connection: exported.connection, code } });
    this.#forget(exported);
  }

  #forget(exported: Exported): void {
    this.#connections.delete(exported.connection);
    this.#byHandle.delete(exported.handle);
    this.#importers.get(exported.importer)?.segments.delete(exported.segment);
    exported.slot?.hide();
    native.disconnect(exported.handle, null);
  }

  /** To who looks at this node, as importers of its own show themselves. */
  #show(link: Link, { id, permission, user }: Connect, { uid, pid, byteLength }: Connection): RemoteSlot {
    const importer = { node: link.node, uid: squashed(user!, this.#options.squash).uid };
    const { node } = this.#options;
    return this.#options.show({ node, id, permission, byteLength, owner: { uid, pid }, importer });
  }
}

/** What a Connected says. */
interface Given {
  connection: number;
  importer: number;
  grant: Omit<Grant, 'lengthBytes'> & { lengthBytes: bigint };
  admission?: FabricTarget['address'] & { ticket: Uint8Array };
}
type Granted = Given & { ownerUid: number; ownerPid: number };

function refusal(code: Code, id?: number): Refusal {
  // The gateway is connected to the exporter before the importer is.
  if (code === RSMERR_CONN_ABORTED) return unpublished();
  if (code !== RSMERR_SEG_NOT_PUBLISHED || id === undefined) {
    return { code, detail: describeResult(code)?.sentence ?? '' };
  }
  return { code, detail: `no segment 0x${id.toString(16)} is published there` };
}

/** Its exporter went while we connected. */
function unpublished(): Refusal {
  return { code: RSMERR_SEG_NOT_PUBLISHED, detail: 'its exporter has withdrawn it' };
}

function busy(): Refusal {
  return {
    code: RSMERR_INSUFFICIENT_RESOURCES,
    detail: `${MOST_PENDING} connects of that node are under way`,
  };
}

/** For a node that has no fabric controller. */
export function withoutFabric(node: number): Refusal {
  const detail = `node ${node} has no fabric: its rsm.toml names no [controllers.ofi0]`;
  return { code: RSMERR_REMOTE_NODE_UNREACHABLE, detail };
}
