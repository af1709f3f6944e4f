/** The node as a process sees it: its configuration and its runtime directory. */
import { RSMERR_SEGID_IN_USE, RsmError } from '../errors.ts';
import { type NativeRecord, native } from '../native/index.ts';
import { type Candidate, findClaims, isClaimed } from './claims.ts';
import { type Limits, readConfiguration } from './configuration.ts';
import { openDirectory, ownDirectory, type RuntimeDirectory } from './directory.ts';
import { hexadecimal, nodeLock } from './lock.ts';
import { openRecord, sweep } from './records.ts';

export type { Candidate } from './claims.ts';
export type { Limits } from './configuration.ts';

export interface Node {
  readonly id: number;
  /** The runtime directory. */
  readonly directory: string;
  readonly limits: Limits;
  /** Where the segment may be published, likeliest first; looked up as far as the caller iterates. */
  find(id: number): Iterable<Candidate>;
  /**
   * Publishes: chooses the id where 0 is asked for, makes sure that nobody has it, and calls `use`, which
   * makes the claim (`native.publish`) and throws if it cannot. Returns the id.
   * @throws RsmError SEGID_IN_USE; INSUFFICIENT_RESOURCES: system ids, descriptors, the directory's lock
   */
  publish(id: number, use: (id: number, claim: string, record: NativeRecord) => void): number;
  /** Ends the record, and with it what this environment has published through this object. */
  close(): void;
}

/**
 * Opens the node of this process.
 * @throws RsmError BAD_CONF: the configuration; CTLR_NOT_PRESENT: the runtime directory
 */
export function openNode(options: { config?: string | undefined } = {}): Node {
  const configuration = readConfiguration(options.config);
  const directory = openDirectory(configuration.runtime);
  const lock = nodeLock(directory.path);
  sweep(directory, lock);
  let record: NativeRecord | undefined;
  return {
    id: configuration.nodeId,
    directory: directory.path,
    limits: configuration.limits,
    find: (id) => findClaims(directory, id),
    publish: (id, use) =>
      lock.holding('publish', (ids) => {
        // Only who publishes has a record: an importer leaves no trace in the directory.
        record ??= openRecord(ownDirectory(directory), 'publish');
        const chosen = choose(id, directory, ids.next);
        use(chosen, hexadecimal(chosen), record);
        return chosen;
      }),
    close() {
      if (record !== undefined) native.closeRecord(record);
      record = undefined;
      lock.close();
      directory.close();
    },
  };
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
