/** What a command does with the library: a controller, connections, and a look at the node. */
import type { Controller, ImportSegment, LocalController } from '../api/index.ts';
import { RSMERR_CTLR_NOT_PRESENT, RSMERR_REMOTE_NODE_UNREACHABLE, RsmError } from '../errors.ts';
import type { Snapshot } from '../observe/index.ts';
import type { Named } from './command.ts';
import { interruptible, loaded } from './failure.ts';

/** `connection_state` of a path that may be used now: RSM_CONNECTION_ACTIVE. */
export const ACTIVE = 3;

/**
 * Works with the controller that leads to these nodes; a signal of the user or the system aborts `signal`, and
 * all ends in order.
 * @param nodes none, or only the own one: loopback
 * @throws RsmError CTLR_NOT_PRESENT: no controller leads there
 */
export async function withController<T>(
  nodes: readonly number[],
  work: (controller: Controller, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { openController } = await loaded(import('../api/index.ts'));
  return await interruptible(async (signal) => {
    const loopback = openController();
    let controller: Controller;
    try {
      controller = openController(leadingTo(nodes, loopback));
    } finally {
      loopback.close();
    }
    try {
      return await work(controller, signal);
    } finally {
      controller.close();
    }
  });
}

/**
 * The name of the controller that leads to these nodes. Where its paths are not up its connect says what is the
 * matter: no gateway, no link.
 */
function leadingTo(nodes: readonly number[], loopback: Controller): string {
  const others = nodes.filter((node) => node !== loopback.nodeId);
  if (others.length === 0) return loopback.name;
  const { nodeId, controllers } = loopback.topology();
  const found =
    controllers.find((each) => others.every((node) => pathTo(node, each) === 'up')) ??
    controllers.find((each) => others.every((node) => pathTo(node, each) !== 'none'));
  if (found !== undefined) return found.name;
  const there = others.join(' and ');
  const detail =
    controllers.length === 0
      ? `this is node ${nodeId}, and it is in no cluster: nothing leads to node ${there} (guide/cluster.md)`
      : `no controller of node ${nodeId} leads to node ${there}; \`rsm topology\` shows where they lead`;
  throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'get_controller', detail);
}

export function pathTo(node: number, { remotes }: LocalController): 'up' | 'down' | 'none' {
  const paths = remotes.filter((remote) => remote.node === node);
  if (paths.length === 0) return 'none';
  return paths.some(({ state }) => state === ACTIVE) ? 'up' : 'down';
}

/** For who wants no bytes, but events. */
export const ANY_MODE: ('r' | 'w' | 'rw')[] = ['r', 'w', 'rw'];

/** The same with a connection of the first mode that is granted. */
export async function withConnection<T>(
  { node, id }: Named,
  modes: ('r' | 'w' | 'rw')[],
  work: (segment: ImportSegment, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await withController(node === undefined ? [] : [node], async (controller, signal) => {
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
    const detail = `node ${asked} can only be looked at from there; this is node ${node.id}`;
    throw new RsmError(RSMERR_REMOTE_NODE_UNREACHABLE, 'look', detail);
  }
  checkDirectory(node);
  return { ...snapshot(node.path), node: node.id, directory: node.path };
}
