/** `rsm demo`: RSM with a file of the user's own. The story itself is in `demo/`. */
import { Command, InvalidArgumentError } from 'commander';
import { explained } from './command.ts';
import { loaded } from './failure.ts';

const MOST_IMPORTERS = 32;

export function demoCommand(): Command {
  return explained(new Command('demo'), 'show RSM step by step, with a file of your own', [
    'rsm demo big.iso --importers 8',
  ])
    .argument('[path]', 'the file to share (default: the running Node binary)')
    .option('--importers <count>', 'how many processes import it', importerCount, 4)
    .option('--cluster', 'between two nodes: network namespaces for root, else on loopback')
    .action(async (path: string | undefined, options: { importers: number; cluster?: true }) => {
      if (options.cluster) {
        const { clusterDemo } = await loaded(import('./demo/cluster.ts'));
        return await clusterDemo(path ?? process.execPath);
      }
      const { demo } = await loaded(import('./demo/story.ts'));
      await demo(path ?? process.execPath, options.importers);
    });
}

function importerCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= MOST_IMPORTERS) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MOST_IMPORTERS}.`);
}
