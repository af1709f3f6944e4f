/** The cluster, where the node is in one: its certificate, its gateway, and whom that reaches. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Configuration, GatewayConfiguration, NodeState, Peer } from '../../node/index.ts';
import { type Finding, finding } from './finding.ts';

/** Time to make another one and bring it to the machine. */
const SOON_DAYS = 30;
const DAY_MS = 86_400_000;
const ANSWER_MS = 2000;
const RUN = 'sudo systemctl enable --now rsm-gateway  # or rsm gateway';

export async function cluster(): Promise<Finding[]> {
  try {
    const { locateDirectory, readConfiguration } = await import('../../node/index.ts');
    const configuration = readConfiguration();
    const { gateway, nodeId, runtime } = configuration;
    if (gateway === undefined) return [];
    const own = certificate(gateway, nodeId);
    return [own, ...(await links(configuration, gateway, locateDirectory(runtime).path))];
  } catch {
    return []; // the configuration: `directory` has said so
  }
}

function certificate({ certificate: path }: GatewayConfiguration, node: number): Finding {
  const name = 'certificate';
  const renew = `rm -r CLUSTER/node-${node}; rsm cluster add CLUSTER --id ${node} --address HOST:PORT`;
  try {
    const expires = new Date(new X509Certificate(readFileSync(path)).validTo);
    const days = Math.floor((expires.getTime() - Date.now()) / DAY_MS);
    const until = `${path} ends on ${expires.toISOString().slice(0, 10)}`;
    if (days < 0) return finding(name, 'problem', `${until}: no other gateway accepts it.`, renew);
    return finding(name, days < SOON_DAYS ? 'note' : 'ok', `${until}, in ${days} days.`, renew);
  } catch (error) {
    return finding(name, 'problem', `${path} cannot be used: ${(error as Error).message}`, renew);
  }
}

async function links(
  { peers }: Configuration,
  { uid }: GatewayConfiguration,
  path: string,
): Promise<Finding[]> {
  const { foreignFile, GatewayClient } = await import('../../node/index.ts');
  const foreign = foreignFile(path, uid);
  if (foreign !== undefined) {
    return [finding('gateway', 'problem', `cannot run: ${foreign.says}.`, `sudo rm ${foreign.path}; ${RUN}`)];
  }
  const client = GatewayClient.dial(path, uid, ANSWER_MS);
  if (client === undefined) {
    return [
      finding(
        'gateway',
        'problem',
        'does not run: no other node is reached, and none reaches this one.',
        RUN,
      ),
    ];
  }
  const reply = client.askSync({ type: 'topology' }, ANSWER_MS);
  client.close();
  if (reply?.type !== 'topology') {
    const restart = 'sudo systemctl restart rsm-gateway';
    return [finding('gateway', 'problem', `does not answer within ${ANSWER_MS / 1000} seconds.`, restart)];
  }
  return [finding('gateway', 'ok', 'runs.'), ...peers.map((peer) => link(peer, reply.nodes))];
}

function link({ id, address: { host, port } }: Peer, states: NodeState[]): Finding {
  const up = states.find(({ node }) => node === id)?.up === true;
  const says = `${host}, port ${port}: ${up ? 'linked.' : 'no link. Its gateway, or the network between, is down.'}`;
  return finding(`node ${id}`, up ? 'ok' : 'note', says, `ssh ${host} sudo systemctl restart rsm-gateway`);
}
