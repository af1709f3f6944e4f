/**
 * The plane that the tests of a run are about: who exports and who imports, through which controller. The
 * conformance suite runs twice: on one node through loopback, and between two nodes through ofi0, where
 * two-nodes.ts says where they are. Everything else runs on one node.
 */
import { inject } from 'vitest';

/** One end; also the options of `openController` there. */
export interface Side {
  node: number;
  /** Absent: the node of RSM_RUNTIME_DIR. */
  config?: string;
  /** Absent: the test file makes its own. */
  runtime?: string;
}

/** Peers get it as JSON. */
export interface Plane {
  controller: string;
  exporting: Side;
  importing: Side;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Of two-nodes.ts, for the project `conformance-ofi0`. */
    plane?: Plane & { through: string[] };
  }
}

export const plane: Plane = inject('plane') ?? {
  controller: 'loopback',
  exporting: { node: 0 },
  importing: { node: 0 },
};

/** What not every plane has, and why: docs/reference/conformance.md. */
export type Capability = keyof typeof CAPABILITIES;

/** Those of one node, and those of two. */
const CAPABILITIES = {
  /** Importers can have the memory in their address space, and the first put or get does that for them. */
  map: { loopback: true, ofi0: false },
  /** Exporter and importer are on one node, and their controller reaches no other. */
  oneNode: { loopback: true, ofi0: false },
  /** They are on two, which have a network between them. */
  nodes: { loopback: false, ofi0: true },
  /** Of its own, whose configuration a test may choose: the nodes of the other plane are everybody's. */
  ownNode: { loopback: true, ofi0: false },
  /** What one end posts or withdraws, the other knows when the call returns: nothing has to travel. */
  atOnce: { loopback: true, ofi0: false },
} as const satisfies Record<string, Record<'loopback' | 'ofi0', boolean>>;

export function has(capability: Capability): boolean {
  return CAPABILITIES[capability][plane.controller as 'loopback' | 'ofi0'];
}
