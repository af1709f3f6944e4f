/** `rsm export`: a file as a segment, for as long as the command runs. */
import { open } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { AccessList, Controller, ExportSegment } from '../api/index.ts';
import { RsmError } from '../errors.ts';
import { command, idArgument, type Json, nodeArgument } from './command.ts';
import { FOOTER_BYTES, footer, segmentLength } from './contents.ts';
import { CommandError, systemError, WRONG_USAGE } from './failure.ts';
import { fileLength } from './files.ts';
import { progressOf } from './progress.ts';
import { pathTo, withController } from './session.ts';
import { bytes, note, say, sayJson, segmentName } from './terminal.ts';

/** Read at once: little enough to show progress and to be interrupted. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const WRITE_BITS = 0o222;

interface Options extends Json {
  id?: number;
  access?: AccessList;
  writable?: true;
}

export function exportCommand(): Command {
  return command(
    'export',
    'publish a file until interrupted',
    ['rsm export big.iso', 'rsm export prices.bin --id 0x600000 --access 1:440 --access 2:444'],
    'Prints the segment as NODE:ID, which the other commands take. Events that importers post are ' +
      'passed on to all of them: `rsm post` wakes every `rsm wait`.',
  )
    .argument('<file>', 'what to publish; the file is read once and never changed')
    .option(
      '--id <id>',
      'the segment id, from 0x400000 to 0x7fffffff (default: the system chooses)',
      idArgument,
    )
    .option(
      '--access <node:perm>',
      'who may connect, three octal digits as for files; repeatable (default: this node, as the umask says)',
      addAccess,
    )
    .option('--writable', 'importers may write to the segment, where the access list lets them')
    .action(exportFile);
}

function addAccess(text: string, before: AccessList | undefined): AccessList {
  const [, node, permission] = /^(\w+):(0?[0-7]{3})$/.exec(text) ?? [];
  if (node === undefined || permission === undefined) {
    throw new InvalidArgumentError('It is NODE:PERM with three octal digits: 0:640.');
  }
  return [...(before ?? []), { node: nodeArgument(node), permission: Number.parseInt(permission, 8) }];
}

async function exportFile(path: string, options: Options): Promise<void> {
  const mayWrite = options.access?.some(({ permission }) => (permission & WRITE_BITS) !== 0);
  if (mayWrite && !options.writable) {
    throw new CommandError(
      'an access list that lets anybody write needs --writable; without, its digits are 4 and 0.',
      WRONG_USAGE,
    );
  }
  const nodes = options.access?.map(({ node }) => node) ?? [];
  await withController(nodes, async (controller, signal) => {
    const { memory, length } = await readFile(path, signal);
    const segment = publish(controller, memory, options);
    try {
      announce(controller.nodeId, segment, path, length, options);
      warn(controller, nodes);
      await passEventsOn(segment, signal);
    } finally {
      segment.close();
    }
  });
}

/** The contents in memory that can be exported, with their footer. */
async function readFile(path: string, signal: AbortSignal): Promise<{ memory: ArrayBuffer; length: number }> {
  const { pageSize } = await import('../api/index.ts');
  const length = await fileLength(path);
  const memory = await allocateFor(path, length, segmentLength(length, pageSize()));
  const file = await open(path).catch((error) => {
    throw systemError(`${path} cannot be read`, error);
  });
  const progress = await progressOf(length);
  try {
    for (let done = 0; done < length; ) {
      signal.throwIfAborted();
      const window = new Uint8Array(memory, done, Math.min(WINDOW_BYTES, length - done));
      const { bytesRead } = await file.read(window, 0, window.length, done);
      if (bytesRead === 0) throw new CommandError(`${path} became shorter while it was read.`);
      done += bytesRead;
      progress.add(bytesRead);
    }
  } finally {
    progress.end();
    await file.close();
  }
  footer(length).copy(new Uint8Array(memory, memory.byteLength - FOOTER_BYTES));
  return { memory, length };
}

/** @throws RsmError INSUFFICIENT_MEM, BAD_LENGTH: sizes beyond memory, in words that name the file */
async function allocateFor(path: string, length: number, segmentBytes: number): Promise<ArrayBuffer> {
  const { allocate } = await import('../api/index.ts');
  try {
    return allocate(segmentBytes);
  } catch (error) {
    if (!RsmError.is(error)) throw error;
    const tooLong = error.code === 'RSMERR_BAD_LENGTH';
    const why = tooLong
      ? `more than a buffer of Node.js ${process.version} can have`
      : 'more memory than there is left';
    throw new RsmError(error.result, 'export', `${path} has ${bytes(length)}, ${why}`, { cause: error });
  }
}

function publish(controller: Controller, memory: ArrayBuffer, options: Options): ExportSegment {
  const segment = controller.createExport(memory, { readOnly: !options.writable });
  try {
    const { id = 0, access = [] } = options;
    segment.publish({ id, access });
    return segment;
  } catch (error) {
    segment.close();
    throw error;
  }
}

function announce(
  node: number,
  { id = 0, byteLength }: ExportSegment,
  path: string,
  contentLength: number,
  { json }: Json,
): void {
  const segment = segmentName(node, id);
  if (json) sayJson({ segment, node, id, file: path, contentLength, byteLength });
  else say(segment);
  note(`${path}, ${bytes(contentLength)}, is published; Ctrl-C ends it.`);
}

/** Of nodes from which nobody can connect at this time. */
function warn(controller: Controller, nodes: readonly number[]): void {
  const { nodeId, controllers } = controller.topology();
  const own = controllers.find(({ name }) => name === controller.name);
  const away = nodes.filter((node) => node !== nodeId && own !== undefined && pathTo(node, own) !== 'up');
  if (away.length === 0) return;
  note(`No link leads to node ${away.join(' and ')} now: \`rsm doctor\` says whether the gateway runs.`);
}

/** Until interrupted: that is how this command ends well. */
async function passEventsOn(segment: ExportSegment, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of segment.events({ signal })) segment.post();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
