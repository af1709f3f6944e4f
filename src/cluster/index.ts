/**
 * A cluster as a directory of its administrator: the authority, and for each node what is copied there.
 *
 *   DIR/ca.crt  ca.key
 *   DIR/node-1/  rsm.toml  node-1.crt  node-1.key  ca.crt
 *
 * Nothing that is there is overwritten, but that each node's rsm.toml gets the new peers at its end.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import { holdingFile, readConfiguration } from '../node/index.ts';
import { issueCertificate, makeAuthority } from './certificates.ts';
import {
  isThere,
  makeFolder,
  makeOpenFolder,
  nodesOf,
  removeFolder,
  replaceFile,
  writeNew,
} from './files.ts';
import { nodeFile, peerTable } from './node-file.ts';

export { NODE_DAYS } from './certificates.ts';
export { nodeOf } from './identity.ts';

const AUTHORITY_KEY = 'ca.key';
/** A node takes milliseconds. */
const LOCK_MS = 10_000;

export interface NewNode {
  id: number;
  /** HOST:PORT of its gateway. */
  address: string;
  /** Nobody hostile is on the network of that address: the controller `ofi0` may listen there. */
  trustedNetwork: boolean;
}

/** What was made, for people. */
export interface Made {
  folder: string;
  /** When the certificate ends. */
  expires: Date;
}

/**
 * Makes DIR with a certificate authority and no node.
 * @throws RsmError BAD_CONF: it is there already, or cannot be made
 */
export async function initCluster(folder: string): Promise<Made> {
  if (isThere(join(folder, AUTHORITY_KEY)) || isThere(join(folder, 'ca.crt'))) {
    throw refused(`${folder} is a cluster already; its authority is not replaced`);
  }
  const authority = await makeAuthority();
  makeFolder(folder);
  writeNew(join(folder, AUTHORITY_KEY), authority.key, 0o600);
  writeNew(join(folder, 'ca.crt'), authority.certificate, 0o644);
  return { folder, expires: authority.expires };
}

/**
 * Adds a node: DIR/node-ID/ to be copied to its machine, and a `[[peer]]` in the file of every other node.
 * @throws RsmError BAD_CONF: there is such a node, or its address is another one's; no cluster; files
 */
export async function addNode(folder: string, node: NewNode): Promise<Made & { peers: number[] }> {
  const authority = readAuthority(folder);
  // Two that add at the same time would each miss the other's node.
  const adding = holdingFile(join(folder, AUTHORITY_KEY), LOCK_MS, () => add(folder, node, authority));
  return adding.catch((error: Error) => {
    throw error instanceof RsmError ? error : refused(error.message);
  });
}

async function add(folder: string, node: NewNode, authority: Authority): Promise<Made & { peers: number[] }> {
  const others = nodesOf(folder).map((id) => readNode(folder, id));
  const own = join(folder, `node-${node.id}`);
  if (isThere(own)) throw refused(`${own} is there already; nothing of it is overwritten`);
  const taken = others.find(({ address }) => address === node.address);
  if (taken) throw refused(`node ${taken.id} has the address ${node.address} already`);
  for (const other of others) refuseOldAddress(other, node);
  const issued = await issueCertificate(authority, node.id);
  makeOpenFolder(own);
  try {
    writeNew(join(own, `node-${node.id}.key`), issued.key, 0o600);
    writeNew(join(own, `node-${node.id}.crt`), issued.certificate, 0o644);
    writeNew(join(own, 'ca.crt'), authority.certificate, 0o644);
    writeNew(join(own, 'rsm.toml'), nodeFile(node, others), 0o644);
    for (const { file, peers } of others) {
      if (!peers.has(node.id))
        replaceFile(file, `${readFileSync(file, 'utf8').trimEnd()}\n\n${peerTable(node)}`);
    }
  } catch (error) {
    removeFolder(own);
    throw error;
  }
  return { folder: own, expires: issued.expires, peers: others.map(({ id }) => id) };
}

interface KnownNode {
  id: number;
  address: string;
  file: string;
  /** Their addresses, by id. */
  peers: Map<number, string>;
}

function readNode(folder: string, id: number): KnownNode {
  const file = join(folder, `node-${id}`, 'rsm.toml');
  const { nodeId, gateway, peers } = readConfiguration(file);
  if (nodeId !== id || gateway === undefined) throw refused(`${file} is not that of a gateway of node ${id}`);
  const text = ({ host, port }: { host: string; port: number }) =>
    host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return {
    id,
    address: text(gateway.listen),
    file,
    peers: new Map(peers.map((peer) => [peer.id, text(peer.address)])),
  };
}

/** A node that was removed and comes back: the others still have it. */
function refuseOldAddress({ file, peers }: KnownNode, { id, address }: NewNode): void {
  const known = peers.get(id);
  if (known === undefined || known === address) return;
  throw refused(`${file} has node ${id} at ${known}; change that first, or add it with this address`);
}

interface Authority {
  certificate: string;
  key: string;
}

function readAuthority(folder: string): Authority {
  try {
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    return { certificate: read('ca.crt'), key: read(AUTHORITY_KEY) };
  } catch (cause) {
    const detail = `${folder} is no cluster: ${(cause as Error).message}; make one with rsm cluster init`;
    throw new RsmError(RSMERR_BAD_CONF, 'cluster', detail, { cause });
  }
}

function refused(why: string): RsmError {
  return new RsmError(RSMERR_BAD_CONF, 'cluster', why);
}
