/** `rsm gateway`: the process of this node that holds the links to the others. */
import { once } from 'node:events';
import { Command } from 'commander';
import type { Gateway } from '../gateway/index.ts';
import { explained } from './command.ts';

export function gatewayCommand(): Command {
  return explained(
    new Command('gateway'),
    'run the gateway of this node until it is told to end',
    ['rsm gateway --config node-1/rsm.toml', 'curl --unix-socket /run/rsm/gateway-http.s http:/rsm/healthz'],
    'It holds the links to the other nodes of a cluster, and runs in the foreground with its log, JSON\n' +
      'lines, on standard output. SIGHUP makes it read its peers and certificates again. /metrics and /healthz\n' +
      'are answered on the socket gateway-http.s of the runtime directory, or where gateway.metrics says.',
  )
    .option('--config <file>', 'the configuration (default: RSM_CONFIG, else /etc/rsm/rsm.toml)')
    .action(run);
}

async function run({ config }: { config?: string }): Promise<void> {
  const { openFabricTarget, startGateway } = await import('../gateway/index.ts');
  const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  let gateway: Gateway | undefined;
  process.on('SIGHUP', () => gateway?.reload());
  gateway = await startGateway({ config, openTarget: openFabricTarget });
  await told;
  gateway.close();
}
