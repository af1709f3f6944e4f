/** `rsm gateway`: the process of this node that holds the links to the others. */
import { once } from 'node:events';
import { Command } from 'commander';
import { examples } from './command.ts';

export function gatewayCommand(): Command {
  return new Command('gateway')
    .description('run the gateway of this node, in the foreground, until it is told to end')
    .option('--config <file>', 'the configuration (default: RSM_CONFIG, else /etc/rsm/rsm.toml)')
    .addHelpText(
      'after',
      '\nWrites its log as JSON lines. /metrics and /healthz are answered on the socket gateway-http.s of the\n' +
        'runtime directory, or where gateway.metrics says.\n' +
        examples([
          'rsm gateway --config node-1/rsm.toml',
          'curl --unix-socket /run/rsm/gateway-http.s http:/rsm/healthz',
        ]),
    )
    .action(run);
}

async function run({ config }: { config?: string }): Promise<void> {
  const { startGateway } = await import('../gateway/index.ts');
  const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const gateway = await startGateway({ config });
  await told;
  gateway.close();
}
