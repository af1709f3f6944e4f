/** What controllers of the interconnect this node has and whom they reach (rsmapi.md 2.2, 3.7). */
import { Controller } from './controllers.ts';

/** A controller of another node to which there is a path, whatever its state. */
export interface RemoteController {
  readonly node: number;
  readonly name: string;
  readonly hardwareAddress: bigint;
  /** RSM_CONNECTION_ACTIVE: may be used. */
  readonly state: number;
}

/** A controller of this node. */
export interface LocalController {
  readonly name: string;
  readonly hardwareAddress: bigint;
  readonly remotes: readonly RemoteController[];
}

/** A snapshot. */
export interface Topology {
  readonly nodeId: number;
  /** Of the interconnect: loopback is none of them. */
  readonly controllers: readonly LocalController[];
}

export function readTopology({ driver }: Controller): Topology {
  return { nodeId: driver.nodeId, controllers: driver.interconnect() };
}

/** The same for who has no controller at hand. */
export function readLocalTopology(): Topology {
  const loopback = Controller.get(null);
  try {
    return readTopology(loopback);
  } finally {
    loopback.release();
  }
}
