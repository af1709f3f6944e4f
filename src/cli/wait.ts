/** `rsm wait`: until events come from an exporter. */
import type { Command } from 'commander';
import {
  command,
  countArgument,
  type Json,
  type Named,
  secondsArgument,
  segmentArgument,
} from './command.ts';
import { ANY_MODE, withConnection } from './session.ts';
import { sayJson, segmentName } from './terminal.ts';

interface Options extends Json {
  count: number;
  timeout?: number;
}

export function waitCommand(): Command {
  return command(
    'wait',
    'wait for events of a segment',
    ['rsm wait 0:0x600000 && make', 'rsm wait 0x600000 --timeout 5 --count 3'],
    'Only events that are posted after it has connected count. It fails when the time is over, and when ' +
      'the exporter goes. What `rsm export` publishes passes on every event of `rsm post`.',
  )
    .argument('<segment>', 'NODE:ID, or ID on this node', segmentArgument)
    .option('--count <n>', 'how many events to wait for', countArgument, 1)
    .option('--timeout <seconds>', 'how long to wait for each (default: for ever)', secondsArgument)
    .action(wait);
}

async function wait(named: Named, { count, timeout, json }: Options): Promise<void> {
  await withConnection(named, ANY_MODE, async (segment, signal) => {
    const { node, id } = segment;
    const limit = timeout === undefined ? {} : { timeoutMs: Math.round(timeout * 1000) };
    const gone = new AbortController();
    void segment.aborted.then((error) => gone.abort(error));
    const either = AbortSignal.any([signal, gone.signal]);
    for (let event = 1; event <= count; event += 1) {
      // What was posted before the exporter went counts.
      if (!segment.waitSync(0)) await segment.wait({ signal: either, ...limit }).catch(because(gone.signal));
      if (json) sayJson({ segment: segmentName(node, id), node, id, event, time: new Date() });
    }
  });
}

/** The wait alone would say that it was interrupted. */
function because(gone: AbortSignal): (error: unknown) => never {
  return (error) => {
    throw gone.aborted ? gone.reason : error;
  };
}
