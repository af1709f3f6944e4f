/** Segments of other nodes for processes of this one: asks their gateways, and remembers who has what. */

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  RSMERR_CONN_ABORTED,
  RSMERR_INSUFFICIENT_MEM,
  RSMERR_INSUFFICIENT_RESOURCES,
  RSMERR_INTERRUPTED,
  RSMERR_PERM_DENIED,
  RSMERR_REMOTE_NODE_UNREACHABLE,
  RSMERR_SEG_NOT_PUBLISHED,
  RSMERR_SEG_NOT_PUBLISHED_TO_NODE,
} from '../errors.ts';
import type { GatewayAnswer, GatewayRequest } from '../node/index.ts';
import { type CountPlace, readCounts } from './counts.ts';
import { type Link, type Refusal, unreachable } from './link.ts';
import type { User } from './users.ts';
import type { Connected, Ended } from './wire/link_pb.ts';

const COUNTS_MS = 1000;
/** Of one process, under way at once. */
const MOST_PENDING = 64;

/** What a connect can end with; another code would be passed on to a program that cannot have it. */
const REFUSALS: readonly number[] = [
  RSMERR_SEG_NOT_PUBLISHED,
  RSMERR_SEG_NOT_PUBLISHED_TO_NODE,
  RSMERR_PERM_DENIED,
  RSMERR_INSUFFICIENT_RESOURCES,
  RSMERR_INSUFFICIENT_MEM,
  RSMERR_REMOTE_NODE_UNREACHABLE,
  RSMERR_INTERRUPTED,
];

/** A process of this node, as long as its socket is open. */
export interface Process {
  readonly number: number;
  readonly user: User;
  send(answer: GatewayAnswer): void;
}

interface Imported {
  /** Our number. */
  readonly connection: number;
  readonly process: Process;
  readonly link: Link;
  /** The other gateway's number. */
  readonly remote: number;
  /** Where it is counted, once that is said; and what was counted when it was last told. */
  place: CountPlace | undefined;
  counted: number[];
}

/** What is known of a process: its own numbers of its connections. */
interface Belongings {
  readonly connections: Map<number, Imported>;
  /** Links over which it has asked for something. */
  readonly links: Set<Link>;
  pending: number;
}

type ConnectRequest = Extract<GatewayRequest, { type: 'connect' }>;

export class Importing {
  readonly #linkTo: (node: number) => Link | string;
  readonly #processes: Map<Process, Belongings> = new Map();
  /** Of each link, by the other gateway's number. */
  readonly #remote: Map<Link, Map<number, Imported>> = new Map();
  readonly #directory: string;
  readonly #telling: NodeJS.Timeout;
  #lastConnection = 0;

  /**
   * @param linkTo the link to a node, or why there is none
   * @param directory the runtime directory
   */
  constructor(linkTo: (node: number) => Link | string, directory: string) {
    this.#linkTo = linkTo;
    this.#directory = directory;
    this.#telling = setInterval(() => this.#tellCounts(), COUNTS_MS);
  }

  close(): void {
    clearInterval(this.#telling);
  }

  get size(): number {
    return [...this.#remote.values()].reduce((sum, { size }) => sum + size, 0);
  }

  begin(process: Process): void {
    this.#processes.set(process, { connections: new Map(), links: new Set(), pending: 0 });
  }

  /** Answers the process. */
  connect(process: Process, { request, node, id, permission, importer = 0 }: ConnectRequest): void {
    const belongings = this.#processes.get(process);
    if (belongings === undefined) return;
    const refuse = ({ code, detail }: Refusal) => process.send({ type: 'refused', request, code, detail });
    const link = this.#linkTo(node);
    if (typeof link === 'string') {
      refuse(unreachable(node, link));
      return;
    }
    if (belongings.pending >= MOST_PENDING) {
      const detail = `${MOST_PENDING} connects of this process are under way`;
      refuse({ code: RSMERR_INSUFFICIENT_RESOURCES, detail });
      return;
    }
    belongings.links.add(link);
    belongings.pending += 1;
    const giveBack = ({ connection }: Connected) => link.send({ case: 'disconnect', value: { connection } });
    const answered = (answer: Connected | Refusal): void => {
      belongings.pending -= 1;
      if ('code' in answer)
        refuse(REFUSALS.includes(answer.code) ? answer : unreachable(node, 'talks nonsense'));
      else if (this.#processes.has(process)) this.#connected(process, link, request, answer);
      else giveBack(answer);
    };
    link.ask({ id, permission, user: process.user, process: process.number, importer }, answered, giveBack);
  }

  /** The process does not want it. */
  disconnect(process: Process, connection: number): void {
    const imported = this.#processes.get(process)?.connections.get(connection);
    if (imported === undefined) return;
    imported.link.send({ case: 'disconnect', value: { connection: imported.remote } });
    this.#forget(imported);
  }

  /** A process says where it counts what it does over a connection. */
  shown(process: Process, connection: number, record: string, slot: number): void {
    const imported = this.#processes.get(process)?.connections.get(connection);
    if (imported === undefined) return;
    const { uid } = process.user;
    imported.place = { path: join(this.#directory, 'u', String(uid), record), uid, slot };
  }

  /** A fabric connection of the process has broken. */
  importerGone(process: Process, node: number, importer: number): void {
    const link = this.#linkTo(node);
    // Without a link the other gateway has ended it by itself.
    if (typeof link === 'string') return;
    link.send({ case: 'importerGone', value: { process: process.number, importer } });
  }

  end(process: Process): void {
    const belongings = this.#processes.get(process);
    if (belongings === undefined) return;
    const { connections, links } = belongings;
    for (const imported of connections.values()) this.#forget(imported);
    this.#processes.delete(process);
    for (const link of links) link.send({ case: 'processGone', value: { process: process.number } });
  }

  /** The other gateway says so. */
  ended(link: Link, { connection, code }: Ended): void {
    const imported = this.#remote.get(link)?.get(connection);
    if (imported !== undefined) this.#abort(imported, code === 0 ? 0 : RSMERR_CONN_ABORTED);
  }

  linkDown(link: Link): void {
    for (const imported of this.#remote.get(link)?.values() ?? []) this.#abort(imported, RSMERR_CONN_ABORTED);
    this.#remote.delete(link);
    for (const { links } of this.#processes.values()) links.delete(link);
  }

  #connected(process: Process, link: Link, request: number, answer: Connected): void {
    const { grant, admission, importer, ownerUid, ownerPid } = answer;
    const { data, control } = grant ?? {};
    if (grant === undefined || data === undefined || control === undefined) {
      link.end('it granted nothing');
      const { code, detail } = unreachable(link.node, 'granted nothing');
      process.send({ type: 'refused', request, code, detail });
      return;
    }
    this.#lastConnection += 1;
    const connection = this.#lastConnection;
    const imported: Imported = {
      connection,
      process,
      link,
      remote: answer.connection,
      place: undefined,
      counted: [],
    };
    this.#processes.get(process)!.connections.set(connection, imported);
    const others = this.#remote.get(link) ?? new Map<number, Imported>();
    this.#remote.set(link, others.set(answer.connection, imported));
    const { segment, lengthBytes, permission, lockOwner } = grant;
    process.send({
      type: 'connected',
      request,
      connection,
      owner: { uid: ownerUid, pid: ownerPid },
      importer,
      grant: {
        segment,
        data: { key: data.key, base: data.base },
        control: { key: control.key, base: control.base },
        lengthBytes: Number(lengthBytes),
        permission,
        lockOwner,
      },
      ...(admission && { fabric: admissionOf(admission) }),
    });
  }

  /** For the exporting node, which sees nothing of what goes over the fabric. */
  #tellCounts(): void {
    for (const others of this.#remote.values()) {
      for (const imported of others.values()) {
        const values = imported.place && readCounts(imported.place);
        if (values === undefined || isDeepStrictEqual(values, imported.counted)) continue;
        imported.counted = values;
        imported.link.send({ case: 'counts', value: { connection: imported.remote, values } });
      }
    }
  }

  #abort(imported: Imported, code: number): void {
    this.#forget(imported);
    const { process, connection } = imported;
    if (code !== 0) process.send({ type: 'aborted', connection, code });
  }

  #forget({ connection, process, link, remote }: Imported): void {
    this.#processes.get(process)?.connections.delete(connection);
    this.#remote.get(link)?.delete(remote);
  }
}

function admissionOf({ provider, host, port, ticket }: NonNullable<Connected['admission']>) {
  return { provider, host, port, ticket };
}
