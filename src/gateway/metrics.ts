/** What the gateway counts, for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { NodeState } from '../node/index.ts';

/** Where somebody was hung up on: to other machines, to processes of this one, to importers of other nodes. */
export type Door = 'link' | 'local' | 'fabric';

export interface Sources {
  states(): NodeState[];
  /** Connections of importers of other nodes to segments of this one; and the other way round. */
  exported(): number;
  imported(): number;
}

export interface Metrics {
  readonly registry: Registry;
  linkUp(node: number): void;
  /** result: ok, or a code. */
  connect(node: number, result: string): void;
  refused(door: Door): void;
  certificateExpires(when: Date): void;
}

export function makeMetrics({ states, exported, imported }: Sources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'rsm_gateway_link_up',
    help: '1 while the link to that node is up',
    labelNames: ['node'],
    registers,
    collect() {
      this.reset(); // of who is no peer any more
      for (const { node, up } of states()) this.set({ node }, Number(up));
    },
  });
  new Gauge({
    name: 'rsm_gateway_connections',
    help: 'Connections of importers of other nodes (exported) and of importers of this one (imported)',
    labelNames: ['direction'],
    registers,
    collect() {
      this.set({ direction: 'exported' }, exported());
      this.set({ direction: 'imported' }, imported());
    },
  });
  const expires = new Gauge({
    name: 'rsm_gateway_certificate_expires_seconds',
    help: 'When the certificate of this node ends, in seconds since 1970',
    registers,
  });
  const ups = new Counter({
    name: 'rsm_gateway_links_total',
    help: 'How often a link to that node came up',
    labelNames: ['node'],
    registers,
  });
  const connects = new Counter({
    name: 'rsm_gateway_connects_total',
    help: 'Connects of importers of that node to segments of this one, by result',
    labelNames: ['node', 'result'],
    registers,
  });
  const refusals = new Counter({
    name: 'rsm_gateway_refused_total',
    help: 'Who was hung up on: other machines (link), processes of this one (local), importers elsewhere (fabric)',
    labelNames: ['door'],
    registers,
  });
  return {
    registry,
    linkUp: (node) => ups.inc({ node }),
    connect: (node, result) => connects.inc({ node, result }),
    refused: (door) => refusals.inc({ door }),
    certificateExpires: (when) => expires.set(when.getTime() / 1000),
  };
}
