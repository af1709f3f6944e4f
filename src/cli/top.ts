/** `rsm top`: what happens on the node, as it happens. */
import { setTimeout } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Activity } from '../observe/index.ts';
import { command, countArgument, type Json, portArgument, secondsArgument } from './command.ts';
import { CommandError, interruptible, loaded, WRONG_USAGE } from './failure.ts';
import { type Look, look } from './session.ts';
import { say, sayJson } from './terminal.ts';
import { frame, LINE_HEADS, line } from './top-frame.ts';

interface Options extends Json {
  interval: number;
  count?: number;
  web?: true;
  port?: number;
}

/** Shows what happened since the look before. */
type Show = (now: Look, activity: Activity) => void;

export function topCommand(): Command {
  return command(
    'top',
    'show what happens on this node, live',
    [
      'rsm top',
      'rsm top --web',
      'rsm top --interval 10 >> rsm.log',
      "rsm top --json --count 1 | jq '.total.bytesPut'",
    ],
    'Counters are read from shared pages: nobody is disturbed, and a process that hangs is shown, too. ' +
      'Puts and gets are counted, loads and stores into mapped memory are not. Where the output is no ' +
      'terminal, each look is one line. The address that --web prints has a token in it and works on this ' +
      'machine only; from another one, `ssh -L PORT:127.0.0.1:PORT HOST` leads here.',
  )
    .option('--interval <seconds>', 'how often to look', intervalArgument, 1)
    .option('--count <n>', 'how often in all (default: until interrupted)', countArgument)
    .addOption(new Option('--web', 'serve it as a page, to browsers of this machine').conflicts('count'))
    .option('--port <number>', 'where --web serves it (default: a free port)', portArgument)
    .action(top);
}

/** So that looking is not the work. */
const LEAST_SECONDS = 0.1;

function intervalArgument(text: string): number {
  const seconds = secondsArgument(text);
  if (seconds >= LEAST_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be at least ${LEAST_SECONDS}.`);
}

async function top(options: Options): Promise<void> {
  const { interval, count = Number.POSITIVE_INFINITY, json, web, port } = options;
  if (web) return await (await loaded(import('./web/index.ts'))).topOnPage(options);
  if (port !== undefined) throw new CommandError('--port needs --web.', WRONG_USAGE);
  const { activity } = await loaded(import('../observe/index.ts'));
  await interruptible(async (signal) => {
    let before = await look();
    const [show, end] = await output(json);
    if (process.stdout.isTTY && !json) show(before, activity(before, before));
    try {
      for (let shown = 0; shown < count; shown += 1) {
        await setTimeout(interval * 1000, undefined, { signal });
        const now = await look();
        show(now, activity(before, now));
        before = now;
      }
    } catch (error) {
      // Until interrupted: that is how this command ends well.
      if (!signal.aborted) throw error;
    } finally {
      end();
    }
  });
}

async function output(json: true | undefined): Promise<[Show, end: () => void]> {
  if (json) return [(now, activity) => sayJson(document(now, activity)), () => {}];
  if (process.stdout.isTTY) {
    const { default: live } = await import('log-update');
    return [(now, activity) => live(frame(now, activity)), () => live.done()];
  }
  say(LINE_HEADS);
  return [(now, activity) => say(line(now, activity)), () => {}];
}

function document(
  { taken, node, directory, participants }: Look,
  { timeMs, segments, total }: Activity,
): unknown {
  return {
    taken,
    timeMs,
    node,
    directory,
    processes: new Set(participants.map(({ pid }) => pid)).size,
    total,
    segments: segments.map(({ segment: { owner, id, byteLength, importerCount }, rates }) => ({
      node: owner.node,
      id: id ?? null,
      uid: owner.uid,
      pid: owner.pid,
      byteLength,
      importerCount,
      rates,
    })),
  };
}
