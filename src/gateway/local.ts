/**
 * `gateway.s`: what processes of this node ask of the gateway. Who they are the kernel says. A socket is a
 * process's life line: all that it had on other nodes ends with it.
 */
import { chmodSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { RSMERR_CTLR_NOT_PRESENT, RsmError } from '../errors.ts';
import { native } from '../native/index.ts';
import {
  encodeMessage,
  foreignFile,
  GATEWAY_LOCK,
  GATEWAY_SOCKET,
  type GatewayRequest,
  type NodeState,
  readRequest,
} from '../node/index.ts';
import { Channel } from './channel.ts';
import type { Importing, Process } from './importing.ts';
import { MOST_GROUPS, type User } from './users.ts';

/** Of one user: a program gone wild must not use up the descriptors that others need. */
const MOST_OF_USER = 1024;
const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

export interface LocalHandlers {
  importing: Importing;
  states(): NodeState[];
  refused(who: string, why: string): void;
}

export interface Local {
  close(): void;
}

/**
 * Listens in the runtime directory.
 * @throws RsmError CTLR_NOT_PRESENT: another gateway does, or the directory cannot be written to
 */
export async function listenLocally(directory: string, handlers: LocalHandlers): Promise<Local> {
  const foreign = foreignFile(directory, process.geteuid!());
  if (foreign !== undefined) throw refused(`${foreign.says}: remove it`);
  const lock = takeLock(join(directory, GATEWAY_LOCK));
  try {
    const path = join(directory, GATEWAY_SOCKET);
    rmSync(path, { force: true }); // of a gateway that was killed: we have the lock
    const { server, close } = serve(handlers);
    await listening(server, path);
    chmodSync(path, 0o666);
    return {
      close() {
        close();
        closeSync(lock);
      },
    };
  } catch (cause) {
    closeSync(lock);
    const detail = `${directory} cannot have the socket of a gateway: ${(cause as Error).message}`;
    throw refused(detail, cause);
  }
}

/** Listens on a path that nobody uses; rejects where that cannot be. */
export async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function takeLock(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (cause) {
    throw refused((cause as Error).message, cause);
  }
  if (native.lockFile(fd, true, 0)) return fd;
  closeSync(fd);
  throw refused(`${path}: this node has a gateway already`);
}

function refused(why: string, cause?: unknown): RsmError {
  return new RsmError(RSMERR_CTLR_NOT_PRESENT, 'gateway', why, { cause });
}

function serve({ importing, states, refused }: LocalHandlers): { server: Server; close(): void } {
  const channels = new Set<Channel>();
  const counts = new Map<number, number>();
  let last = 0;
  const server = createServer((socket) => {
    const user = userOf(socket);
    const count = user && (counts.get(user.uid) ?? 0);
    if (user === undefined || count === undefined || count >= MOST_OF_USER) {
      socket.destroy();
      refused(user ? `uid ${user.uid}` : 'nobody', `${MOST_OF_USER} sockets of one user, or it has gone`);
      return;
    }
    counts.set(user.uid, count + 1);
    last += 1;
    const process: Process = {
      number: last,
      user,
      send: (answer) => channel.sendFrame(encodeMessage(answer)),
    };
    importing.begin(process);
    const channel: Channel = new Channel(socket, {
      frame: (body) => answer(process, readRequest(body), importing, states),
      ended: (why) => {
        channels.delete(channel);
        counts.set(user.uid, counts.get(user.uid)! - 1);
        importing.end(process);
        if (why.startsWith('it sent')) refused(`uid ${user.uid}`, why);
      },
    });
    channels.add(channel);
  });
  const close = () => {
    server.close();
    for (const channel of channels) channel.end('this gateway ends');
  };
  return { server, close };
}

function answer(
  process: Process,
  asked: GatewayRequest,
  importing: Importing,
  states: () => NodeState[],
): void {
  if (asked.type === 'connect') importing.connect(process, asked);
  else if (asked.type === 'disconnect') importing.disconnect(process, asked.connection);
  else if (asked.type === 'importerGone') importing.importerGone(process, asked.node, asked.importer);
  else if (asked.type === 'shown') importing.shown(process, asked.connection, asked.record, asked.slot);
  else process.send({ type: 'topology', request: asked.request, nodes: states() });
}

/** Node has no way to ask for the descriptor but this one. */
function userOf(socket: Socket): User | undefined {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null };
  const peer = handle === null ? null : native.peerOf(handle.fd);
  if (peer === null) return undefined;
  return { uid: peer.uid, gid: peer.gid, groups: [...peer.groups].slice(0, MOST_GROUPS) };
}
