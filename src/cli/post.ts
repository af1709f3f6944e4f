/** `rsm post`: events to an exporter. */
import type { Command } from 'commander';
import { command, countArgument, type Json, type Named, segmentArgument } from './command.ts';
import { ANY_MODE, withConnection } from './session.ts';
import { sayJson, segmentName } from './terminal.ts';

interface Options extends Json {
  count: number;
}

export function postCommand(): Command {
  return command(
    'post',
    'post events to the exporter of a segment',
    ['rsm post 0:0x600000', 'rsm put 0x600000 page.bin && rsm post 0x600000'],
    'Each satisfies one wait of the exporter, now or later.',
  )
    .argument('<segment>', 'NODE:ID, or ID on this node', segmentArgument)
    .option('--count <n>', 'how many events', countArgument, 1)
    .action(post);
}

async function post(named: Named, { count, json }: Options): Promise<void> {
  await withConnection(named, ANY_MODE, async (segment, signal) => {
    const { node, id } = segment;
    for (let event = 0; event < count; event += 1) {
      signal.throwIfAborted();
      segment.post();
    }
    if (json) sayJson({ segment: segmentName(node, id), node, id, count });
  });
}
