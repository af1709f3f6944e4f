/** What a command does with the library: a controller, connections, and a look at the node. */
import type { Controller, ImportSegment } from '../api/index.ts';
import { RSMERR_REMOTE_NODE_UNREACHABLE, RsmError } from '../errors.ts';
import type { Snapshot } from '../observe/index.ts';
import type { Named } from './command.ts';
import { interruptible, loaded } from './failure.ts';

/** Works with a controller; a signal of the user or the system aborts `signal`, and all ends in order. */
export async function withController<T>(
  work: (controller: Controller, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { openController } = await loaded(import('../api/index.ts'));
  return await interruptible(async (signal) => {
    const controller = openController();
    try {
      return await work(controller, signal);
    } finally {
      controller.close();
    }
  });
}

/** For who wants no bytes, but events. */
export const ANY_MODE: ('r' | 'w' | 'rw')[] = ['r', 'w', 'rw'];

/** The same with a connection of the first mode that is granted. */
export async function withConnection<T>(
  { node, id }: Named,
  modes: ('r' | 'w' | 'rw')[],
  work: (segment: ImportSegment, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await withController(async (controller, signal) => {
    const at = { node: node ?? controller.nodeId, id };
    const segment = await connect(controller, at, modes, signal);
    try {
      return await work(segment, signal);
    } finally {
      segment.close();
    }
  });
}

async function connect(
  controller: Controller,
  at: { node: number; id: number },
  [mode = 'rw', ...others]: ('r' | 'w' | 'rw')[],
  signal: AbortSignal,
): Promise<ImportSegment> {
  try {
    return await controller.connect({ ...at, mode, signal });
  } catch (error) {
    const denied = RsmError.is(error) && error.code === 'RSMERR_PERM_DENIED';
    if (!denied || others.length === 0) throw error;
    return await connect(controller, at, others, signal);
  }
}

/** What this node shows, and where it is. */
export interface Look extends Snapshot {
  node: number;
  directory: string;
}

/**
 * Looks at the node without becoming a part of it.
 * @param asked the node that the user named
 * @throws RsmError REMOTE_NODE_UNREACHABLE: another node than the own one
 */
export async function look(asked?: number): Promise<Look> {
  const { checkDirectory, locateNode } = await loaded(import('../node/index.ts'));
  const { snapshot } = await import('../observe/index.ts');
  const node = locateNode();
  if (asked !== undefined && asked !== node.id) {
    const detail = `node ${asked} cannot be looked at from here; this is node ${node.id}`;
    throw new RsmError(RSMERR_REMOTE_NODE_UNREACHABLE, 'look', detail);
  }
  checkDirectory(node);
  return { ...snapshot(node.path), node: node.id, directory: node.path };
}
