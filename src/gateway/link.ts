/** One link to another gateway, over a TLS socket whose peer has been identified. */
import type { Socket } from 'node:net';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { RSMERR_INSUFFICIENT_RESOURCES, RSMERR_REMOTE_NODE_UNREACHABLE } from '../errors.ts';
import { Channel } from './channel.ts';
import {
  type Connect,
  type Connected,
  type ConnectSchema,
  type Counts,
  type Ended,
  type Frame,
  FrameSchema,
  type Hello,
} from './wire/link_pb.ts';

/** Of the protocol: proto/link.proto. */
export const LINK_VERSION = 1;
export const HEARTBEAT_MS = 1000;
/** Heartbeats that may be missed. Counted and not timed: a gateway that was stopped has not seen them either. */
const MOST_SILENT = 3;
/** For a connect, there and back; and for the first frame of a link. */
export const ANSWER_MS = 2000;

/** Connects under way, and those that nobody waits for any more and that may still be answered. */
const MOST_ASKED = 4096;

/** What the own side says of itself. */
export interface Self {
  node: number;
  controllers: { name: string; hardwareAddress: bigint }[];
}

export interface LinkHandlers {
  /** Both have said hello. */
  up(link: Link): void;
  /** Once, also where it was never up. */
  down(link: Link, why: string): void;
  connect(link: Link, connect: Connect): void;
  disconnect(link: Link, connection: number): void;
  processGone(link: Link, process: number): void;
  importerGone(link: Link, process: number, importer: number): void;
  ended(link: Link, ended: Ended): void;
  counts(link: Link, counts: Counts): void;
}

/** Why a connect failed. */
export interface Refusal {
  code: number;
  detail: string;
}

type Asked = Omit<MessageInitShape<typeof ConnectSchema>, 'request' | '$typeName'>;
type Body = Frame['body'];
type BodyInit = NonNullable<Extract<MessageInitShape<typeof FrameSchema>, { body?: unknown }>['body']>;

export class Link {
  readonly node: number;
  readonly #handlers: LinkHandlers;
  readonly #channel: Channel;
  readonly #asked: Map<number, (answer: Connected | Refusal | undefined) => void> = new Map();
  readonly #beat: NodeJS.Timeout;
  #hello: Hello | undefined;
  #lastRequest = 0;
  #silent = 0;

  /** @param node which node the peer is, as its certificate says */
  constructor(socket: Socket, self: Self, node: number, handlers: LinkHandlers) {
    this.node = node;
    this.#handlers = handlers;
    this.#channel = new Channel(socket, {
      frame: (body) => this.#receive(fromBinary(FrameSchema, body).body),
      ended: (why) => this.#down(why),
    });
    this.#beat = setInterval(() => this.#tick(), HEARTBEAT_MS);
    this.send({
      case: 'hello',
      value: { version: LINK_VERSION, node: self.node, controllers: self.controllers },
    });
  }

  /** Both have said hello. */
  get isUp(): boolean {
    return this.#hello !== undefined;
  }

  get controllers(): Self['controllers'] {
    return (this.#hello?.controllers ?? []).map(({ name, hardwareAddress }) => ({ name, hardwareAddress }));
  }

  send(body: BodyInit): void {
    this.#channel.send(toBinary(FrameSchema, create(FrameSchema, { body })));
  }

  /**
   * Asks for a segment of the other node.
   * @param answered once, before the next frame is looked at
   * @param late takes what is granted when nobody waits for it any more
   */
  ask(
    connect: Asked,
    answered: (answer: Connected | Refusal) => void,
    late: (connected: Connected) => void,
  ): void {
    if (this.#asked.size >= MOST_ASKED) {
      answered({
        code: RSMERR_INSUFFICIENT_RESOURCES,
        detail: `node ${this.node} has ${MOST_ASKED} connects to answer`,
      });
      return;
    }
    this.#lastRequest = (this.#lastRequest + 1) >>> 0;
    const request = this.#lastRequest;
    const timer = setTimeout(() => {
      this.#asked.set(request, (answer) => {
        if (answer !== undefined && 'connection' in answer) late(answer);
      });
      answered(unreachable(this.node, `did not answer within ${ANSWER_MS} ms`));
    }, ANSWER_MS);
    this.#asked.set(request, (answer) => {
      clearTimeout(timer);
      answered(answer ?? unreachable(this.node, 'went away'));
    });
    this.send({ case: 'connect', value: { ...connect, request } });
  }

  /** Again: nothing happens. */
  end(why: string): void {
    this.#channel.end(why);
  }

  #receive(body: Body): void {
    this.#silent = 0;
    if (this.#hello === undefined) this.#greet(body);
    else this.#serve(body);
  }

  #serve(body: Body): void {
    const { connect, disconnect, processGone, importerGone, ended, counts } = this.#handlers;
    if (body.case === 'connect') connect(this, body.value);
    else if (body.case === 'connected') this.#answer(body.value.request, body.value);
    else if (body.case === 'refused') this.#answer(body.value.request, body.value);
    else if (body.case === 'disconnect') disconnect(this, body.value.connection);
    else if (body.case === 'ended') ended(this, body.value);
    else if (body.case === 'counts') counts(this, body.value);
    else if (body.case === 'processGone') processGone(this, body.value.process);
    else if (body.case === 'importerGone') importerGone(this, body.value.process, body.value.importer);
    else if (body.case !== 'heartbeat') throw new Error(`${body.case ?? 'nothing'} where it is out of place`);
  }

  #greet(body: Body): void {
    if (body.case !== 'hello') throw new Error('no hello');
    const { version, node } = body.value;
    if (version !== LINK_VERSION) throw new Error(`it speaks version ${version} and not ${LINK_VERSION}`);
    if (node !== this.node)
      throw new Error(`it says that it is node ${node}, and its certificate ${this.node}`);
    this.#hello = body.value;
    this.#handlers.up(this);
  }

  #answer(request: number, answer: Connected | Refusal): void {
    const settle = this.#asked.get(request);
    if (settle === undefined) throw new Error('an answer to nothing');
    this.#asked.delete(request);
    settle(answer);
  }

  #tick(): void {
    this.#silent += 1;
    if (this.#silent > MOST_SILENT) this.end(`nothing was heard of it for ${MOST_SILENT} heartbeats`);
    else if (this.#hello === undefined && this.#silent * HEARTBEAT_MS > ANSWER_MS)
      this.end('it says nothing');
    else this.send({ case: 'heartbeat', value: {} });
  }

  #down(why: string): void {
    clearInterval(this.#beat);
    for (const settle of this.#asked.values()) settle(undefined);
    this.#asked.clear();
    this.#handlers.down(this, why);
  }
}

export function unreachable(node: number, why: string): Refusal {
  return { code: RSMERR_REMOTE_NODE_UNREACHABLE, detail: `node ${node} ${why}` };
}
