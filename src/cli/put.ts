/** `rsm put`: standard input or a file into a segment. */
import { createReadStream, fstatSync } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Command } from 'commander';
import type { ImportSegment } from '../api/index.ts';
import { RSMERR_BAD_LENGTH, RsmError } from '../errors.ts';
import { command, type Json, type Named, segmentArgument, sizeArgument } from './command.ts';
import { type Range, rangeOf } from './contents.ts';
import { CommandError, systemError } from './failure.ts';
import { fileLength } from './files.ts';
import { type Progress, progressOf } from './progress.ts';
import { withConnection } from './session.ts';
import { bytes, note, sayJson } from './terminal.ts';

const WINDOW_BYTES = 1024 * 1024;
/** Chunks under way: another node's network is idle while a single one is read. */
const AT_ONCE = 4;

interface Options extends Json {
  offset?: number;
}

export function putCommand(): Command {
  return command(
    'put',
    'write a file or standard input into a segment',
    ['date | rsm put 0:0x600000', 'rsm put 0x600000 --offset 4096 page.bin'],
    'The segment keeps its length. A file that is too long is refused before anything is written; of ' +
      'standard input what fits is written first.',
  )
    .argument('<segment>', 'NODE:ID, or ID on this node', segmentArgument)
    .argument('[file]', 'what to write (default: standard input)')
    .option('--offset <bytes>', 'where in the segment to begin (default: 0)', sizeArgument)
    .action(put);
}

async function put(named: Named, path: string | undefined, options: Options): Promise<void> {
  await withConnection(named, ['rw', 'w'], async (segment, signal) => {
    const room = rangeOf('put', segment, options);
    const length = path === undefined ? undefined : await fileLength(path);
    if (length !== undefined && length > room.length) throw tooLong(`${path} has ${length} bytes`, room);
    const input =
      path === undefined ? standardInput() : createReadStream(path, { highWaterMark: WINDOW_BYTES });
    const progress = await progressOf(length);
    try {
      const done = await write(segment, room, addAbortSignal(signal, input), progress);
      if (options.json) sayJson({ ...room, length: done });
      note(`${bytes(done)} written to ${room.segment}.`);
    } catch (error) {
      const ofSystem = (error as NodeJS.ErrnoException).errno !== undefined;
      throw ofSystem ? systemError(`${path ?? 'standard input'} cannot be read`, error) : error;
    } finally {
      progress.end();
    }
  });
}

/** @throws CommandError: a directory, which Node.js would take for an empty file */
function standardInput(): Readable {
  if (fstatSync(process.stdin.fd).isDirectory()) throw new CommandError('standard input is a directory.');
  return process.stdin;
}

/** How many bytes were written: all of the input. @throws RsmError BAD_LENGTH: it is longer than the room */
async function write(
  segment: ImportSegment,
  room: Range,
  input: Readable,
  progress: Progress,
): Promise<number> {
  let done = 0;
  const underWay: Promise<void>[] = [];
  for await (const chunk of input as AsyncIterable<Buffer>) {
    const fitting = chunk.subarray(0, room.length - done);
    const put = segment.putAsync(room.offset + done, fitting).then(() => progress.add(fitting.length));
    put.catch(() => {}); // whoever waits for it is told, if anybody still does
    underWay.push(put);
    done += fitting.length;
    if (fitting.length < chunk.length) {
      await Promise.all(underWay);
      throw tooLong(`the input is longer: ${done} bytes were written`, room);
    }
    if (underWay.length === AT_ONCE) await underWay.shift();
  }
  await Promise.all(underWay);
  return done;
}

function tooLong(what: string, { segment, offset, length }: Range): RsmError {
  return new RsmError(
    RSMERR_BAD_LENGTH,
    'put',
    `${what}, and ${segment} has ${length} from offset ${offset} on`,
  );
}
