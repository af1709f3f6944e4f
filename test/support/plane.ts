/**
 * The plane that the tests of a run are about: who exports and who imports, through which controller. The
 * conformance suite runs twice: on one node through loopback, and between two nodes through ofi0, where
 * two-nodes.ts says where they are. Everything else runs on one node.
 */
import { inject } from 'vitest';
import capabilities from '../conformance/capabilities.json' with { type: 'json' };

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
  controller: 'loopback' | 'ofi0';
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

/** What not every plane has, and why: docs/reference/conformance.md shows it. */
export type Capability = keyof typeof capabilities;

export function has(capability: Capability): boolean {
  return capabilities[capability][plane.controller];
}
