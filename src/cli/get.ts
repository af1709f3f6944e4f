/** `rsm get`: the contents of a segment, to standard output or into a file. */
import { existsSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ImportSegment } from '../api/index.ts';
import { command, type Json, type Named, segmentArgument, sizeArgument } from './command.ts';
import { type Range, rangeOf } from './contents.ts';
import { CommandError, systemError } from './failure.ts';
import { progressOf } from './progress.ts';
import { withConnection } from './session.ts';
import { sayJson } from './terminal.ts';

/** Read at once. A multiple of three: in base64 only the last window is padded. */
const WINDOW_BYTES = 3 * 256 * 1024;
/** Windows under way: another node's network is idle while a single one is written. */
const AT_ONCE = 4;

interface Options extends Json {
  offset?: number;
  length?: number;
  output?: string;
}

export function getCommand(): Command {
  return command(
    'get',
    'read a segment, to standard output or a file',
    ['rsm get 0:0x600000 | sha256sum', 'rsm get 0x600000 --offset 4096 --length 100 -o part.bin'],
    'Of what `rsm export` published that is the file, exactly; of any other segment, whole pages. A ' +
      'terminal is shown text only. With --json and without -o the document has the contents, in base64.',
  )
    .argument('<segment>', 'NODE:ID, or ID on this node', segmentArgument)
    .option('--offset <bytes>', 'where to begin (default: 0)', sizeArgument)
    .option('--length <bytes>', 'how many bytes (default: all that follow)', sizeArgument)
    .option('-o, --output <file>', 'write into this file')
    .action(get);
}

async function get(named: Named, options: Options): Promise<void> {
  await withConnection(named, ['r'], async (segment, signal) => {
    const range = rangeOf('get', segment, options);
    const progress = await progressOf(range.length, options.output === undefined && process.stdout.isTTY);
    const contents = windows(segment, range, progress.add);
    try {
      if (options.output !== undefined) await intoFile(options.output, contents, signal);
      else if (options.json) await asJson(range, contents, signal);
      else await asItIs(range, contents, signal);
    } finally {
      progress.end();
    }
    if (options.output !== undefined && options.json) sayJson({ ...range, file: options.output });
  });
}

/**
 * One after the other; those that follow are on their way meanwhile. A window is good until the next one is asked for.
 */
async function* windows(
  segment: ImportSegment,
  { offset, length }: Range,
  done: (count: number) => void,
): AsyncGenerator<Buffer> {
  const count = Math.ceil(length / WINDOW_BYTES);
  const buffers = Array.from({ length: Math.min(AT_ONCE, count) }, () =>
    Buffer.allocUnsafe(Math.min(WINDOW_BYTES, length)),
  );
  const underWay: Promise<Buffer>[] = [];
  const begin = (index: number): void => {
    const at = index * WINDOW_BYTES;
    const window = buffers[index % buffers.length]!.subarray(0, length - at);
    const got = segment.getAsync(offset + at, window).then(() => window);
    got.catch(() => {}); // whoever waits for it is told, if anybody still does
    underWay.push(got);
  };
  for (let index = 0; index < buffers.length; index += 1) begin(index);
  for (let index = 0; index < count; index += 1) {
    const window = await underWay.shift()!;
    yield window;
    done(window.length);
    if (index + buffers.length < count) begin(index + buffers.length);
  }
}

/** Resolves when it is written: the reader of a pipe sets the pace. */
function write(chunk: Uint8Array | string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    process.stdout.write(chunk, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}

async function asItIs(
  { segment }: Range,
  contents: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const isText = textTester();
  for await (const window of contents) {
    if (process.stdout.isTTY && !isText(window)) {
      throw new CommandError(`${segment} is not text: write it into a file (-o), or to a pipe.`);
    }
    await write(window, signal);
  }
}

/** What commands a terminal, or turns the direction of text. A line may end as on Windows. */
const COMMANDS = /(?!\r(?:\n|$))[^\P{Cc}\n\t]|\p{Bidi_Control}/u;

/** Whether a terminal may see the next bytes, which others wrote. */
function textTester(): (bytes: Uint8Array) => boolean {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return (bytes) => {
    try {
      return !COMMANDS.test(decoder.decode(bytes, { stream: true }));
    } catch {
      return false;
    }
  };
}

/** A file that would be half there is removed, if it was not there before. */
async function intoFile(path: string, contents: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  const isNew = !existsSync(path);
  try {
    await writeFile(path, contents, { signal });
  } catch (error) {
    if (isNew) rmSync(path, { force: true });
    throw (error as NodeJS.ErrnoException).errno === undefined
      ? error
      : systemError(`${path} cannot be written`, error);
  }
}

async function asJson(range: Range, contents: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  await write(`${JSON.stringify(range).slice(0, -1)},"base64":"`, signal);
  for await (const window of contents) await write(window.toString('base64'), signal);
  await write('"}\n', signal);
}
