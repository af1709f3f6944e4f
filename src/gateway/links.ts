/**
 * The links to all peers. Of two nodes the one with the lower number connects, again and again; the other
 * listens. The newest link of a node is the one that counts: a peer that came back need not wait until
 * its old one is found to be dead.
 */
import { connect, type TLSSocket } from 'node:tls';
import { nodeOf } from '../cluster/identity.ts';
import type { NodeState, Peer } from '../node/index.ts';
import type { Credentials } from './credentials.ts';
import { ANSWER_MS, Link, type LinkHandlers, type Self } from './link.ts';

const FIRST_PAUSE_MS = 100;
/** Short: whoever comes back is found within seconds. */
const LONGEST_PAUSE_MS = 2000;

interface Path {
  peer: Peer;
  /** Up, and the only one that counts. */
  link: Link | undefined;
  sinceMs: number;
  why: string;
  controllers: NodeState['controllers'];
  pauseMs: number;
  timer: NodeJS.Timeout | undefined;
}

export interface LinksHandlers
  extends Pick<LinkHandlers, 'connect' | 'disconnect' | 'processGone' | 'importerGone' | 'ended' | 'counts'> {
  up(link: Link): void;
  /** Of a link that was up. */
  down(link: Link, why: string): void;
  /** A peer cannot be reached; said once for each reason. */
  failed(node: number, why: string): void;
}

export class Links {
  readonly #self: Self;
  #credentials: Credentials;
  readonly #handlers: LinksHandlers;
  readonly #paths: Map<number, Path>;
  /** Also those that are not up yet, or not any more for long. */
  readonly #all: Set<Link> = new Set();
  readonly #dialing: Set<TLSSocket> = new Set();
  #open = true;

  constructor(self: Self, peers: Peer[], credentials: Credentials, handlers: LinksHandlers) {
    this.#self = self;
    this.#credentials = credentials;
    this.#handlers = handlers;
    this.#paths = new Map(peers.map((peer) => [peer.id, newPath(peer)]));
  }

  start(): void {
    for (const path of this.#paths.values()) if (this.#dials(path)) this.#dial(path);
  }

  /** Who is no peer any more loses his link; who is new gets one; new credentials are for the next links. */
  change(peers: Peer[], credentials: Credentials): void {
    this.#credentials = credentials;
    const left = new Map(peers.map((peer) => [peer.id, peer]));
    for (const [id, path] of this.#paths) {
      const peer = left.get(id);
      left.delete(id);
      if (peer === undefined) this.#remove(path);
      else path.peer = peer;
    }
    for (const peer of left.values()) {
      const path = newPath(peer);
      this.#paths.set(peer.id, path);
      if (this.#dials(path)) this.#dial(path);
    }
  }

  /** The link to a node; why there is none. */
  to(node: number): Link | string {
    const path = this.#paths.get(node);
    if (path === undefined) return `is no [[peer]] of node ${this.#self.node}`;
    return path.link ?? `is not reached: ${path.why}`;
  }

  states(): NodeState[] {
    return [...this.#paths.values()].map(({ peer, link, sinceMs, why, controllers }) => {
      return { node: peer.id, up: link !== undefined, sinceMs, why, controllers };
    });
  }

  /** A peer has connected; why it is refused. */
  accept(node: number, socket: TLSSocket): string | undefined {
    const path = this.#paths.get(node);
    if (path === undefined) return `node ${node} is no [[peer]] of this node`;
    this.#begin(path, socket);
    return undefined;
  }

  close(): void {
    this.#open = false;
    for (const { timer } of this.#paths.values()) clearTimeout(timer);
    for (const socket of this.#dialing) socket.destroy();
    for (const link of this.#all) link.end('this gateway ends');
  }

  #remove(path: Path): void {
    this.#paths.delete(path.peer.id);
    clearTimeout(path.timer);
    for (const link of this.#all) {
      if (link.node === path.peer.id) link.end('it is no [[peer]] of this node any more');
    }
  }

  #isPeer(path: Path): boolean {
    return this.#paths.get(path.peer.id) === path;
  }

  #dials({ peer }: Path): boolean {
    return this.#self.node < peer.id;
  }

  #dial(path: Path): void {
    const { id, address } = path.peer;
    const socket = connect({
      ...address,
      ...this.#credentials.tls,
      // A certificate of the cluster is not enough: it must be that of this node, wherever it lives.
      checkServerIdentity: (_host, certificate) => {
        return nodeOf(certificate) === id ? undefined : new Error('it is another node');
      },
    });
    this.#dialing.add(socket);
    let why = 'it hung up';
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    const over = () => {
      clearTimeout(timer);
      this.#dialing.delete(socket);
    };
    const failed = () => {
      over();
      this.#lost(path, why);
    };
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.once('close', failed);
    socket.once('secureConnect', () => {
      over();
      socket.removeListener('close', failed);
      if (this.#isPeer(path)) this.#begin(path, socket);
      else socket.destroy();
    });
  }

  #begin(path: Path, socket: TLSSocket): void {
    socket.setNoDelay(true);
    const { connect, disconnect, processGone, importerGone, ended, counts } = this.#handlers;
    const link: Link = new Link(socket, this.#self, path.peer.id, {
      up: () => this.#up(path, link),
      down: (_link, why) => this.#down(path, link, why),
      connect,
      disconnect,
      processGone,
      importerGone,
      ended,
      counts,
    });
    this.#all.add(link);
  }

  #up(path: Path, link: Link): void {
    const before = path.link;
    path.link = link;
    path.sinceMs = Date.now();
    path.why = '';
    path.controllers = link.controllers;
    path.pauseMs = FIRST_PAUSE_MS;
    before?.end('a newer link has taken its place');
    this.#handlers.up(link);
  }

  #down(path: Path, link: Link, why: string): void {
    this.#all.delete(link);
    const counted = path.link === link;
    if (counted) {
      path.link = undefined;
      path.sinceMs = Date.now();
    }
    if (link.isUp) this.#handlers.down(link, why);
    if (counted || !link.isUp) this.#lost(path, why);
  }

  /** No link any more, or no luck: again after a pause, which grows and is never the same for two. */
  #lost(path: Path, why: string): void {
    if (!this.#open || !this.#isPeer(path)) return;
    if (path.link === undefined && path.why !== why) {
      path.why = why;
      this.#handlers.failed(path.peer.id, why);
    }
    if (!this.#dials(path)) return;
    clearTimeout(path.timer);
    path.timer = setTimeout(() => this.#dial(path), path.pauseMs * (0.5 + Math.random()));
    path.pauseMs = Math.min(path.pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

function newPath(peer: Peer): Path {
  return {
    peer,
    link: undefined,
    sinceMs: Date.now(),
    why: 'it was not there yet',
    controllers: [],
    pauseMs: FIRST_PAUSE_MS,
    timer: undefined,
  };
}
