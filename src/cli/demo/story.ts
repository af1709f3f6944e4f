/**
 * RSM from beginning to end, step by step, with a real file. This process exports;
 * importer.ts is what the importing processes run; pipes.ts is the same hand-over as it is done without RSM.
 */
import { performance } from 'node:perf_hooks';
import {
  allocate,
  type Controller,
  type ExportSegment,
  mapFile,
  openController,
  pageSize,
} from '../../api/index.ts';
import { CommandError } from '../failure.ts';
import { bytes, duration, paint, say, segmentId, shorten } from '../terminal.ts';
import { Crew, type Member } from './crew.ts';
import { lengthOfFile } from './input.ts';
import { decodeResult, digestOf, digestsOfFile, divide, type Part, RESULT_BYTES } from './parts.ts';
import { handOverByPipes, type Measured } from './pipes.ts';

/** Everybody on this node may read; nobody may write. */
const READ_ONLY = 0o444;
const WRITE_ONLY = 0o222;

/** What the steps of the story share. */
interface Story {
  crew: Crew;
  parts: Part[];
  memory: ArrayBuffer;
  file: ExportSegment;
  results: ExportSegment;
  importers: Member[];
}

/** @param path a file; @param count how many import it */
export async function demo(path: string, count: number): Promise<void> {
  const parts = divide(lengthOfFile(path), count);
  const crew = new Crew();
  const controller = openController();
  const segments: ExportSegment[] = [];
  try {
    await tell(controller, segments, crew, path, parts);
  } catch (error) {
    throw crew.signal.aborted ? crew.signal.reason : error;
  } finally {
    // The others first: to them an early end of the segments would be an error.
    await crew.end();
    for (const segment of segments) segment.close();
    controller.close();
  }
}

async function tell(
  controller: Controller,
  segments: ExportSegment[],
  crew: Crew,
  path: string,
  parts: Part[],
): Promise<void> {
  say(paint('bold', 'Remote Shared Memory, step by step'));
  const memory = readIntoMemory(path);
  const { file, results } = publish(controller, memory, parts.length);
  segments.push(file, results);
  const importers = parts.map((part, index) =>
    crew.join('importer', [file.id!, results.id!, index, part.from, part.to]),
  );
  const story: Story = { crew, parts, memory, file, results, importers };
  const shared = await importAndHash(story);
  check(shared.digests, digestsOfFile(path, parts), 'the file on disk');
  say(`   All ${parts.length} results agree with the file on disk.`);
  await rebind(story);
  await destroy(story);
  await compareWithPipes(story, shared);
}

function readIntoMemory(path: string): ArrayBuffer {
  const begin = performance.now();
  const memory = mapFile(path);
  step(1, 'Memory');
  say(`   ${shorten(path, 74)}`);
  say(`   ${bytes(memory.byteLength)}, read from disk once, in ${duration(performance.now() - begin)}.`);
  return memory;
}

function publish(
  controller: Controller,
  memory: ArrayBuffer,
  count: number,
): { file: ExportSegment; results: ExportSegment } {
  const file = controller.createExport(memory, { allowRebind: true });
  file.publish({ access: [{ node: controller.nodeId, permission: READ_ONLY }] });
  const results = controller.createExport(allocate(Math.max(pageSize(), count * RESULT_BYTES)));
  results.publish({ access: [{ node: controller.nodeId, permission: WRITE_ONLY }] });
  step(2, 'Export and publish');
  say(`   Process ${process.pid} exports that memory, in place, as segment ${segmentId(file.id!)}:`);
  say('   everybody on this node may read it. A second, small segment');
  say(`   ${segmentId(results.id!)} takes the results; there everybody may write.`);
  return { file, results };
}

/** The importers map the file, hash their parts where they are, and put the results back. */
async function importAndHash(story: Story): Promise<Measured> {
  const { importers, memory, results } = story;
  await Promise.all(importers.map((importer) => importer.hear('ready')));
  step(3, 'Import and map');
  say(`   ${importers.length} other processes are given the two ids and nothing else.`);

  const begin = performance.now();
  for (const importer of importers) importer.start();
  const [mapped] = await Promise.all([
    Promise.all(importers.map((importer) => importer.hear('mapped'))),
    everyResult(story),
  ]);
  const timeMs = performance.now() - begin;

  for (const [index, { timeMs: mapMs, ownerPid }] of mapped.entries()) {
    const took = `connected to ${ownerPid} and mapped ${bytes(memory.byteLength)} in ${duration(mapMs)}`;
    say(`     process ${importers[index]!.pid}  ${took}`);
  }
  step(4, 'Put and post');
  say('   Each hashes its part (SHA-256) from the mapped memory, puts the result into');
  say('   the other segment and posts an event, which wakes the exporter.');
  sayDigests(story);
  const found = story.parts.map((_, index) => decodeResult(results.memory, index));
  return {
    digests: found.map((result) => result.digest),
    timeMs,
    hashingMs: Math.max(...found.map((result) => result.hashingMs)),
  };
}

/** New memory under the same segment: nobody maps again, nobody is told an address. */
async function rebind(story: Story): Promise<void> {
  const { file, memory, parts, results } = story;
  const fresh = allocate(memory.byteLength);
  const [from, to] = [new Uint8Array(memory), new Uint8Array(fresh)];
  for (let index = 0; index < from.length; index += 1) to[index] = ~from[index]!;
  const begin = performance.now();
  file.rebind(fresh);
  const timeMs = performance.now() - begin;
  step(5, 'Rebind');
  say('   The exporter prepares other memory (every byte inverted) and puts it under');
  say(`   the same segment in ${duration(timeMs)}. The importers keep their mapping; all they are`);
  say('   given is an event to look again:');
  file.post();
  await everyResult(story);
  sayDigests(story);
  const found = parts.map((_, index) => decodeResult(results.memory, index).digest);
  const expected = parts.map((part) => digestOf(to.subarray(part.from, part.to)));
  check(found, expected, 'the new memory');
  say(`   All ${parts.length} see the new contents through the old mapping.`);
}

async function destroy({ file, importers }: Story): Promise<void> {
  file.close();
  const reports = await Promise.all(importers.map((importer) => importer.hear('aborted')));
  step(6, 'Destroy');
  say('   The exporter destroys the segment; its memory is out of reach at once. The');
  say('   mappings of the importers stay touchable, and they are told:');
  for (const [index, { code }] of reports.entries()) say(`     process ${importers[index]!.pid}  ${code}`);
}

async function compareWithPipes(story: Story, shared: Measured): Promise<void> {
  const { crew, memory, parts } = story;
  const piped = await handOverByPipes(crew, new Uint8Array(memory), parts);
  check(piped.digests, shared.digests, 'the pipes');
  const total = memory.byteLength;
  const row = (name: string, left: string, right: string): void =>
    say(`     ${name.padEnd(30)}${left.padStart(16)}${right.padStart(20)}`);
  step(7, 'Beside pipes');
  say(
    `   The same ${parts.length} parts handed to ${parts.length} processes through standard input, measured now`,
  );
  say('   in the same way: from the word to begin to the last result.');
  row('', paint('bold', 'RSM'.padStart(16)), paint('bold', 'pipes'.padStart(20)));
  row('bytes each process can see', bytes(total), bytes(parts[0]!.to - parts[0]!.from));
  row('bytes copied to hand over', 'none', bytes(2 * total));
  row('time, hashing included', duration(shared.timeMs), duration(piped.timeMs));
  row('processor time of one, hashing', duration(shared.hashingMs), duration(piped.hashingMs));
  say(paint('dim', '   (A pipe copies every byte twice: into the kernel, and out of it.)'));
}

/** One event for each importer: its line in the results segment is complete. */
async function everyResult({ crew, importers, results }: Story): Promise<void> {
  for (const _ of importers) await results.wait({ signal: crew.signal });
}

function sayDigests({ importers, parts, results }: Story): void {
  for (const [index, { from, to }] of parts.entries()) {
    const digest = decodeResult(results.memory, index).digest.toString('hex');
    const what = `process ${importers[index]!.pid}  ${bytes(to - from).padStart(10)}`;
    say(`     ${what}  ${paint('cyan', `${digest.slice(0, 16)}…`)}`);
  }
}

function check(found: Buffer[], expected: Buffer[], what: string): void {
  const wrong = found.findIndex((digest, index) => !digest.equals(expected[index]!));
  if (wrong >= 0)
    throw new CommandError(`part ${wrong} does not agree with ${what}: was it changed meanwhile?`);
}

function step(number: number, title: string): void {
  say();
  say(` ${paint('green', String(number))} ${paint('bold', title)}`);
}
