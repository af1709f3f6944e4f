/** Rows of the crash matrix for gateways: which of the two ends, while somebody does what. */
import type { End, Point } from './trace.ts';

export type GatewayRole = 'exporting gateway' | 'importing gateway';

export interface GatewayOperation {
  role: GatewayRole;
  name: string;
  /** Nobody is connected before. */
  alone: boolean;
}

const of = (role: GatewayRole, ...names: string[]): GatewayOperation[] =>
  names.map((name) => ({ role, name, alone: name === 'first connect' }));

export const GATEWAY_OPERATIONS: GatewayOperation[] = [
  ...of('exporting gateway', 'first connect', 'connect', 'disconnect', 'put', 'get', 'barrier'),
  ...of(
    'exporting gateway',
    'atomic addition',
    'lock',
    'unlock',
    'post to the exporter',
    'post to importers',
  ),
  ...of('exporting gateway', 'rebind by the exporter', 'unpublish by the exporter', 'end'),
  ...of('importing gateway', 'first connect', 'connect', 'disconnect', 'put'),
  ...of('importing gateway', 'unpublish by the exporter', 'end'),
];

/** While these are made a gateway is held and ends from JavaScript. */
const HELD = ['connect', 'put', 'lock', 'rebind by the exporter', 'unpublish by the exporter'];

export function endsOfGateway({ name }: GatewayOperation): End[] {
  const bySignal: End[] = ['SIGKILL', 'SIGSTOP, SIGKILL'];
  return HELD.includes(name) ? [...bySignal, 'process.exit', 'exception', 'blocked'] : bySignal;
}

/** JavaScript cannot end while its own thread makes the call. */
export function gatewayCanEndAt(end: End, { threads }: Point): boolean {
  return end.startsWith('SIG') || (end !== 'blocked' && threads !== 'caller');
}
