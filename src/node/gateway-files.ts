/**
 * The gateway's files in the runtime directory. Where that is everybody's, somebody else can have made one of them
 * first, and only he and root can remove it.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_SOCKET } from './gateway-messages.ts';

export const GATEWAY_LOCK = 'gateway.lock';

export interface ForeignFile {
  path: string;
  /** For people: whose it is. */
  says: string;
}

/** The file that keeps the gateway of that user from working here. */
export function foreignFile(directory: string, gatewayUid: number): ForeignFile | undefined {
  for (const name of [GATEWAY_LOCK, GATEWAY_SOCKET]) {
    const path = join(directory, name);
    const uid = lstatSync(path, { throwIfNoEntry: false })?.uid;
    if (uid === undefined || uid === gatewayUid) continue;
    return { path, says: `${path} belongs to uid ${uid}, and the gateway of this node is uid ${gatewayUid}` };
  }
  return undefined;
}
