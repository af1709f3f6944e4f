/**
 * A process's side of `gateway.s`: the life line of what it has on other nodes. Requests are answered
 * synchronously, as RSMAPI wants it, or on the event loop; what the gateway says by itself comes there.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { native } from '../native/index.ts';
import { FrameReader } from './frames.ts';
import {
  decodeAnswer,
  encodeMessage,
  GATEWAY_SOCKET,
  type GatewayAnswer,
  type GatewayRequest,
} from './gateway-messages.ts';
import { net } from './seldom.ts';

const POLLIN = 1;
const POLLOUT = 4;
const READ_BYTES = 64 * 1024;

/** Answered by a message that carries the same number. */
type Question = Extract<GatewayRequest, { request: number }>;
/** Without the number, which the client chooses. */
type Asked = Question extends infer Each ? (Each extends Question ? Omit<Each, 'request'> : never) : never;
type Reply = Extract<GatewayAnswer, { request: number }>;
/** What comes by itself. */
export type GatewayNews = Exclude<GatewayAnswer, Reply>;

export class GatewayClient {
  readonly #fd: number;
  readonly #told: (news: GatewayNews) => void;
  readonly #ended: () => void;
  readonly #frames = new FrameReader();
  /** Reads when the event loop turns. It is the descriptor's owner. */
  readonly #socket: Socket;
  readonly #waiting: Map<number, (reply: Reply | undefined) => void> = new Map();
  #lastRequest = 0;
  #open = true;

  /**
   * Connects to the gateway of this node. Undefined: there is none, or somebody else who calls himself so.
   * @param directory the runtime directory
   * @param gatewayUid who runs the gateway
   * @param told of aborted connections
   * @param ended the gateway is gone: once, unless `close` was first
   */
  static dial(
    directory: string,
    gatewayUid: number,
    timeoutMs: number,
    told: (news: GatewayNews) => void = () => {},
    ended: () => void = () => {},
  ): GatewayClient | undefined {
    const fd = native.dial(join(directory, GATEWAY_SOCKET), timeoutMs);
    if (fd < 0) return undefined;
    // The directory may be everybody's: a name in it proves nothing.
    if (native.peerOf(fd)?.uid === gatewayUid) return new GatewayClient(fd, told, ended);
    closeSync(fd);
    return undefined;
  }

  private constructor(fd: number, told: (news: GatewayNews) => void, ended: () => void) {
    this.#fd = fd;
    this.#told = told;
    this.#ended = ended;
    this.#socket = new (net().Socket)({ fd, readable: true, writable: false });
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => this.#end());
    this.#socket.unref();
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Blocks this thread. Undefined: no answer in that time, or the gateway is gone. */
  askSync(asked: Asked, timeoutMs: number): Reply | undefined {
    const deadline = Date.now() + timeoutMs;
    let reply: Reply | undefined;
    let done = false;
    const request = this.#send(asked, deadline, (answer) => {
      reply = answer;
      done = true;
    });
    const bytes = Buffer.alloc(READ_BYTES);
    while (!done && this.#ready(POLLIN, deadline)) this.#read(bytes);
    this.#waiting.delete(request);
    return reply;
  }

  /** The same on the event loop, which it keeps alive until then. Undefined also when `signal` is aborted. */
  ask(asked: Asked, timeoutMs: number, signal?: AbortSignal): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      let request = 0;
      const giveUp = () => this.#settle(request, undefined);
      const timer = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener('abort', giveUp);
      request = this.#send(asked, Date.now() + timeoutMs, (reply) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
        resolve(reply);
      });
    });
  }

  /** Gives back a connection that was granted and not opened. */
  disconnect(connection: number): void {
    this.#say({ type: 'disconnect', connection });
  }

  /** A connection that was granted is counted there. */
  shown(connection: number, { record, slot }: { record: string; slot: number }): void {
    this.#say({ type: 'shown', connection, record, slot });
  }

  /** That fabric connection to the node has broken: nothing more of it may land there after what is asked next. */
  importerGone(node: number, importer: number): void {
    this.#say({ type: 'importerGone', node, importer });
  }

  /** The gateway ends everything that this client had of other nodes. Again: nothing happens. */
  close(): void {
    this.#open = false;
    this.#settleAll();
    this.#socket.destroy();
  }

  #say(message: GatewayRequest): void {
    if (this.#open) this.#write(encodeMessage(message), Date.now());
  }

  #send(asked: Asked, deadline: number, settle: (reply: Reply | undefined) => void): number {
    this.#lastRequest = (this.#lastRequest + 1) >>> 0;
    const request = this.#lastRequest;
    const message = { ...asked, request } as Question;
    this.#waiting.set(request, settle);
    if (!this.#open || !this.#write(encodeMessage(message), deadline)) this.#settle(request, undefined);
    return request;
  }

  /** Half a frame would make nonsense of all that follows: then the line is given up. */
  #write(frame: Buffer, deadline: number): boolean {
    let done = 0;
    while (done < frame.length) {
      try {
        done += writeSync(this.#fd, frame, done);
      } catch (error) {
        const full = (error as NodeJS.ErrnoException).code === 'EAGAIN';
        if (full && this.#ready(POLLOUT, deadline)) continue;
        this.#end();
        return false;
      }
    }
    return true;
  }

  #read(bytes: Buffer): void {
    try {
      const count = readSync(this.#fd, bytes);
      if (count === 0) this.#end();
      else this.#take(bytes.subarray(0, count));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#end();
    }
  }

  #ready(events: number, deadline: number): boolean {
    const entry = new Int32Array([this.#fd, events, 0]);
    return this.#open && native.poll(entry, 1, Math.max(0, deadline - Date.now()), 0) !== 0;
  }

  #take(bytes: Uint8Array): void {
    try {
      for (const body of this.#frames.push(bytes)) {
        const answer = decodeAnswer(body);
        if ('request' in answer) this.#reply(answer);
        // After whoever waits for a reply that came before it.
        else setImmediate(() => this.#told(answer));
      }
    } catch {
      this.#end(); // of another version
    }
  }

  /** What nobody waits for any more is given back. */
  #reply(reply: Reply): void {
    if (this.#waiting.has(reply.request)) this.#settle(reply.request, reply);
    else if (reply.type === 'connected') this.disconnect(reply.connection);
  }

  #settle(request: number, reply: Reply | undefined): void {
    const settle = this.#waiting.get(request);
    this.#waiting.delete(request);
    settle?.(reply);
  }

  #settleAll(): void {
    for (const request of [...this.#waiting.keys()]) this.#settle(request, undefined);
  }

  #end(): void {
    if (!this.#open) return;
    this.close();
    this.#ended();
  }
}
