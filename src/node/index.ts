/** The node as a process sees it: its configuration and its runtime directory. */
import type { LocalController } from '../core/topology.ts';
import { RSMERR_SEGID_IN_USE, RsmError } from '../errors.ts';
import type { NativeRecord } from '../native/index.ts';
import { type Candidate, findClaims, isClaimed } from './claims.ts';
import { type Limits, readConfiguration } from './configuration.ts';
import {
  type Location,
  locateDirectory,
  openDirectory,
  ownDirectory,
  type RuntimeDirectory,
} from './directory.ts';
import { readInterconnect } from './interconnect.ts';
import { hexadecimal, nodeLock } from './lock.ts';
import { OwnRecord, type RemoteImport, type RemoteSlot, unseenSlot } from './own-record.ts';
import { Quota } from './quota.ts';
import { sweep } from './records.ts';
import { Share } from './share.ts';

export type { Candidate } from './claims.ts';
export {
  type Address,
  type Configuration,
  type ControllerConfiguration,
  configurationFile,
  type GatewayConfiguration,
  type Limits,
  type Peer,
  readConfiguration,
} from './configuration.ts';
export { checkDirectory, type Location, locateDirectory } from './directory.ts';
export { holdingFile } from './exclusive.ts';
export { FrameReader, frameOf } from './frames.ts';
export { GatewayClient, type GatewayNews } from './gateway-client.ts';
export { foreignFile, GATEWAY_LOCK } from './gateway-files.ts';
export {
  encodeMessage,
  GATEWAY_SOCKET,
  type GatewayAnswer,
  type GatewayRequest,
  type GrantMessage,
  type NodeState,
  readRequest,
} from './gateway-messages.ts';
export { hardwareAddress } from './hardware-address.ts';
export { hostAndPort, isLoopback } from './keys.ts';
export type { RemoteImport, RemoteSlot } from './own-record.ts';
export { deadRecords, liveRecords } from './records.ts';
export type { Share } from './share.ts';
export { knownUids } from './users.ts';

/** To native: nobody connects on behalf of others. */
const NO_GATEWAY = -1;

export interface Node {
  readonly id: number;
  /** The runtime directory. */
  readonly directory: string;
  readonly limits: Limits;
  /** Where the segment may be published, likeliest first; looked up as far as the caller iterates. */
  find(id: number): Iterable<Candidate>;
  /**
   * A segment's part of the node's limits. Whoever may not write to the directory may still connect: that
   * import is not counted, and not shown.
   * @param bytes of exported memory
   * @throws RsmError INSUFFICIENT_RESOURCES: max-segments, descriptors, the directory's lock;
   *   INSUFFICIENT_MEM: max-exported-memory
   */
  join(operation: 'create' | 'connect', bytes: number): Share;
  /**
   * Makes the record of this environment, which else is made when it is needed: that may wait for others.
   * @throws RsmError INSUFFICIENT_RESOURCES: the directory's lock, descriptors; it may not write there
   */
  begin(): void;
  /**
   * Shows a connection for somebody of another node, which counts against no limit here; until it is hidden. Nobody
   * sees it where there is no record yet.
   */
  show(remote: RemoteImport): RemoteSlot;
  /**
   * Publishes: chooses the id where 0 is asked for, makes sure that nobody has it, and calls `use`, which
   * makes the claim (`native.publish`) and throws if it cannot. Returns the id.
   * @throws RsmError SEGID_IN_USE; INSUFFICIENT_RESOURCES: system ids, descriptors, the directory's lock
   */
  publish(id: number, use: (id: number, claim: string, record: NativeRecord) => void): number;
  /** The controllers of the cluster that this node has, with every configured path, up or down. */
  interconnect(): LocalController[];
  /** Ends the record, and with it what this environment has published through this object. */
  close(): void;
}

/**
 * Opens the node of this process.
 * @throws RsmError BAD_CONF: the configuration; CTLR_NOT_PRESENT: the runtime directory; INSUFFICIENT_RESOURCES:
 *   descriptors
 */
export function openNode(options: { config?: string | undefined } = {}): Node {
  const configuration = readConfiguration(options.config);
  const { nodeId, runtime, limits, gateway } = configuration;
  const directory = openDirectory(runtime);
  const lock = nodeLock(directory.path);
  sweep(directory, lock);
  let record: OwnRecord | undefined;
  /** With the lock held. */
  const ownRecord = (operation: string): OwnRecord => {
    record ??= new OwnRecord(ownDirectory(directory), nodeId, gateway?.uid ?? NO_GATEWAY, operation);
    return record;
  };
  const quota = new Quota(limits, directory, lock, ownRecord);
  return {
    id: nodeId,
    directory: directory.path,
    limits,
    find: (id) => findClaims(directory, id),
    join(operation, bytes) {
      try {
        quota.take(operation, 1, bytes, record);
      } catch (error) {
        if (operation === 'create' || !isForbidden(error)) throw error;
        return new Share(quota, undefined, 0);
      }
      return new Share(quota, record, bytes);
    },
    begin() {
      lock.holding('connect', () => ownRecord('connect'));
    },
    show: (remote) => record?.showRemote(remote) ?? unseenSlot(),
    publish: (id, use) =>
      lock.holding('publish', (ids) => {
        const chosen = choose(id, directory, ids.next);
        use(chosen, hexadecimal(chosen), ownRecord('publish').native);
        return chosen;
      }),
    interconnect: () => readInterconnect(configuration, directory.path),
    close() {
      record?.close();
      record = undefined;
      lock.close();
      directory.close();
    },
  };
}

/** What the node of this process would be, for who only looks at it: nothing is opened or made. */
export interface LocatedNode extends Location {
  readonly id: number;
  readonly limits: Limits;
}

/** @throws RsmError BAD_CONF: the configuration */
export function locateNode(): LocatedNode {
  const { nodeId, runtime, limits } = readConfiguration();
  return { ...locateDirectory(runtime), id: nodeId, limits };
}

/** Whether the system forbids to write to the directory. */
function isForbidden(error: unknown): boolean {
  const { cause } = error as RsmError;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  return ['EACCES', 'EPERM', 'EROFS'].includes(code);
}

function choose(id: number, directory: RuntimeDirectory, nextSystemId: () => number): number {
  if (id === 0) {
    let chosen = nextSystemId();
    // Taken only where node.lock was lost and counting began anew.
    while (isClaimed(directory, chosen)) chosen = nextSystemId();
    return chosen;
  }
  if (!isClaimed(directory, id)) return id;
  throw new RsmError(RSMERR_SEGID_IN_USE, 'publish', `segment id 0x${hexadecimal(id)} is published already`);
}
