/** What this node has of the interconnect: its controllers as configured, and which paths the gateway has. */
import { RSM_CONNECTION_ACTIVE } from '../core/constants.ts';
import type { LocalController, RemoteController } from '../core/topology.ts';
import type { Configuration } from './configuration.ts';
import { GatewayClient } from './gateway-client.ts';
import type { NodeState } from './gateway-messages.ts';
import { hardwareAddress } from './hardware-address.ts';

/** A gateway answers in microseconds; one that takes this long is stopped or starved. */
const ANSWER_MS = 1000;
/** `connection_state` of a path that may not be used now. */
const DOWN = 1;

/** Every configured path, whatever its state. Without a gateway all are down. */
export function readInterconnect(
  { controllers, peers, gateway }: Configuration,
  directory: string,
): LocalController[] {
  if (controllers.length === 0 || gateway === undefined) return [];
  const states = askGateway(directory, gateway.uid);
  return controllers.map(({ name, address }) => {
    const remotes = peers.flatMap(({ id }) => remotesOf(name, id, states.get(id)));
    return { name, hardwareAddress: hardwareAddress(address), remotes };
  });
}

function askGateway(directory: string, uid: number): Map<number, NodeState> {
  const client = GatewayClient.dial(directory, uid, ANSWER_MS);
  const reply = client?.askSync({ type: 'topology' }, ANSWER_MS);
  client?.close();
  return new Map(reply?.type === 'topology' ? reply.nodes.map((state) => [state.node, state]) : []);
}

/** What a node has is known once it was there; until then it is taken to have what we have. */
function remotesOf(own: string, node: number, state: NodeState | undefined): RemoteController[] {
  const known = state?.controllers ?? [];
  const controllers = known.length > 0 || state?.up ? known : [{ name: own, hardwareAddress: 0n }];
  return controllers.map((controller) => ({
    node,
    ...controller,
    state: state?.up ? RSM_CONNECTION_ACTIVE : DOWN,
  }));
}
