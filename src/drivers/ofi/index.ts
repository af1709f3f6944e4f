/**
 * The controllers of the interconnect: segments of every node of the cluster, over libfabric. Those of this
 * node are mapped, as on loopback (C-106); exports are those of loopback, and the gateway brings importers of
 * other nodes.
 */
import type { ControllerAttributes } from '../../core/attributes.ts';
import { MAX_ACCESS_ENTRIES } from '../../core/limits.ts';
import type { LocalController } from '../../core/topology.ts';
import {
  RSMERR_CTLR_NOT_PRESENT,
  RSMERR_INTERRUPTED,
  RSMERR_REMOTE_NODE_UNREACHABLE,
  RsmError,
} from '../../errors.ts';
import { fabric } from '../../native/index.ts';
import { type Configuration, type Node, openNode, readConfiguration, type Share } from '../../node/index.ts';
import type { ConnectTarget, Driver, DriverExport, DriverImport, MemoryRange } from '../driver.ts';
import { loopbackOn } from '../loopback/index.ts';
import { OfiImport, type Remote } from './import.ts';
import { Reach } from './reach.ts';

/** @throws RsmError CTLR_NOT_PRESENT: not in the configuration, or without its addon; BAD_CONF */
export function openOfi(options: { config: string | undefined }, unit: number): Driver {
  const configuration = readConfiguration(options.config);
  const name = `ofi${unit}`;
  const controller = configuration.controllers.find((each) => each.name === name);
  const { gateway } = configuration;
  if (controller === undefined || gateway === undefined) {
    const detail = `the configuration has no [controllers.${name}]; rsm cluster add writes one`;
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'get_controller', detail);
  }
  checkAddon();
  const node = openNode(options);
  const { provider } = controller;
  const reach = new Reach({ directory: node.directory, gatewayUid: gateway.uid, provider });
  return new Ofi(name, configuration, node, reach);
}

function checkAddon(): void {
  try {
    fabric();
  } catch (cause) {
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'get_controller', (cause as Error).message, { cause });
  }
}

class Ofi implements Driver {
  readonly name: string;
  readonly accessListLimit = MAX_ACCESS_ENTRIES;
  readonly lockOps = true;
  readonly attributes: ControllerAttributes;
  readonly #nodes: ReadonlySet<number>;
  readonly #node: Node;
  readonly #local: Driver;
  readonly #reach: Reach;

  constructor(name: string, { nodeId, peers }: Configuration, node: Node, reach: Reach) {
    this.name = name;
    this.#nodes = new Set([nodeId, ...peers.map(({ id }) => id)]);
    this.#node = node;
    this.#local = loopbackOn(node);
    this.#reach = reach;
    // Of the data path to other nodes, whose memory is not mapped, and whose transfers are not indivisible.
    this.attributes = Object.freeze({ ...this.#local.attributes, directAccessSizes: 0, atomicSizes: 0 });
  }

  get nodeId(): number {
    return this.#node.id;
  }

  reaches(node: number): boolean {
    return this.#nodes.has(node);
  }

  interconnect(): LocalController[] {
    return this.#node.interconnect();
  }

  createExport(memory: MemoryRange, options: { readOnly: boolean; lockOps: boolean }): DriverExport {
    return this.#local.createExport(memory, options);
  }

  connect(target: ConnectTarget): DriverImport {
    if (target.node === this.nodeId) return this.#local.connect(target);
    const share = this.#join(target);
    try {
      return imported(this.#reach.connect(target), share, target);
    } catch (error) {
      share.leave();
      throw error;
    }
  }

  async connectAsync(target: ConnectTarget, signal: AbortSignal | undefined): Promise<DriverImport> {
    if (target.node === this.nodeId) return this.#local.connectAsync(target, signal);
    if (signal?.aborted)
      throw new RsmError(RSMERR_INTERRUPTED, 'connect', undefined, { cause: signal.reason });
    const share = this.#join(target);
    try {
      return imported(await this.#reach.connectAsync(target, signal), share, target);
    } catch (error) {
      share.leave();
      throw error;
    }
  }

  close(): void {
    this.#reach.close();
    this.#local.close();
  }

  #join({ node }: ConnectTarget): Share {
    if (this.reaches(node)) return this.#node.join('connect', 0);
    const detail = `the configuration of this node names no peer ${node}`;
    throw new RsmError(RSMERR_REMOTE_NODE_UNREACHABLE, 'connect', detail);
  }
}

function imported({ leave, shown, ...remote }: Remote, share: Share, target: ConnectTarget): OfiImport {
  const { byteLength, owner } = remote;
  const leaveBoth = () => {
    leave();
    share.leave();
  };
  const slot = share.showRemote({ ...target, byteLength, owner });
  if (slot.place !== undefined) shown(slot.place);
  return new OfiImport({ ...remote, shown, leave: leaveBoth }, slot);
}
