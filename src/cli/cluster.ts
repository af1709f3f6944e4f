/** `rsm cluster`: the directory from which the machines of a cluster get their identity. */
import { Command, InvalidArgumentError } from 'commander';
import { command, explained, type Json, nodeArgument } from './command.ts';
import { note, say, sayJson } from './terminal.ts';

interface AddOptions extends Json {
  id: number;
  address: string;
  trustedNetwork?: true;
}

export function clusterCommand(): Command {
  const lines = ['rsm cluster init mycluster', 'rsm cluster add mycluster --id 1 --address 10.0.0.1:7460'];
  return explained(new Command('cluster'), 'make a cluster, and what each of its nodes needs', lines)
    .addCommand(initCommand())
    .addCommand(addCommand());
}

function initCommand(): Command {
  return command('init', 'make a certificate authority and an empty cluster', ['rsm cluster init mycluster'])
    .argument('<directory>', 'is made; keep it safe: who has its ca.key can be any node')
    .action(async (directory: string, { json }: Json) => {
      const { initCluster } = await import('../cluster/index.ts');
      const { folder, expires } = await initCluster(directory);
      if (json) sayJson({ directory: folder, expires });
      else say(`${folder} is a cluster without nodes; its authority is good until ${day(expires)}.`);
      note(`Next: rsm cluster add ${folder} --id 1 --address HOST:PORT`);
    });
}

function addCommand(): Command {
  return command('add', 'add a node: a directory to copy to its machine', [
    'rsm cluster add mycluster --id 1 --address 10.0.0.1:7460 --trusted-network',
    'scp -r mycluster/node-1 root@10.0.0.1:/etc/rsm',
  ])
    .argument('<directory>', 'that rsm cluster init made')
    .requiredOption('--id <node>', 'the number of the node, from 0 to 63', nodeArgument)
    .requiredOption(
      '--address <host:port>',
      'where its gateway listens and the others reach it',
      addressArgument,
    )
    .option(
      '--trusted-network',
      'nobody hostile is on that network, or it is a tunnel: data goes over it in the clear',
    )
    .action(add);
}

async function add(directory: string, { id, address, trustedNetwork, json }: AddOptions): Promise<void> {
  const { addNode } = await import('../cluster/index.ts');
  const { folder, expires, peers } = await addNode(directory, {
    id,
    address,
    trustedNetwork: trustedNetwork === true,
  });
  if (json) return sayJson({ node: id, directory: folder, expires, peers });
  say(`${folder} is node ${id}; its certificate is good until ${day(expires)}.`);
  say(`Copy it to /etc/rsm of that machine and start rsm gateway there.`);
  if (peers.length === 0) return;
  const files = peers.map((peer) => `node-${peer}/rsm.toml`).join(', ');
  say(`These files name it now; copy them again, and reload those gateways: ${files}`);
}

function addressArgument(text: string): string {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:[\]\s]+):(\d{1,5})$/i.exec(text) ?? [];
  const wildcard = /^[[\]0.:]+$/.test(host ?? '');
  if (host !== undefined && !wildcard && Number(port) > 0 && Number(port) < 65_536) return text;
  throw new InvalidArgumentError('It is HOST:PORT, and no wildcard: 10.0.0.1:7460.');
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
