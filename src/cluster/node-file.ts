/** The rsm.toml of a new node. */
import { isIP } from 'node:net';
import { hostAndPort, isLoopback } from '../node/index.ts';

interface Node {
  id: number;
  address: string;
}

export function nodeFile(node: Node & { trustedNetwork: boolean }, peers: Node[]): string {
  const name = `node-${node.id}`;
  return [
    `# Node ${node.id} of a cluster. Copy this directory to /etc/rsm of its machine; made by rsm cluster add.

[node]
id = ${node.id}

[gateway]
listen = "${node.address}"
certificate = "${name}.crt"
key = "${name}.key"
authority = "ca.crt"
`,
    controllerTable(node),
    ...peers.map(peerTable),
  ].join('\n');
}

export function peerTable({ id, address }: Node): string {
  return `[[peer]]\nid = ${id}\naddress = "${address}"\n`;
}

/** Off where it may not be on: a name is no address to bind to, and a network must be said to be trusted. */
function controllerTable({ address, trustedNetwork }: Node & { trustedNetwork: boolean }): string {
  const { host } = hostAndPort(address)!;
  const on = isLoopback(host) || (isIP(host) !== 0 && trustedNetwork);
  const lines = [
    '[controllers.ofi0]',
    `address = "${isIP(host) !== 0 || host === 'localhost' ? host.replace('localhost', '127.0.0.1') : 'IP ADDRESS'}"`,
    ...(isLoopback(host) ? [] : ['trusted-network = true']),
  ];
  if (on) return `${lines.join('\n')}\n`;
  return `# The data path is in the clear. On a network that nobody hostile is on, or inside WireGuard:
${lines.map((line) => `# ${line}`).join('\n')}
`;
}
