// What both roles agree on, whichever face they are written in: the id, the size, the record at the start of
// the segment, and the command line.
//
//   0  i32 out     number of the last message that the importer wrote; 0: none
//   4  i32 in      number of the last message that the exporter read
//   8  u32 length  of the text in bytes
//  12  text        UTF-8; an empty text ends the conversation
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

export const SEGMENT_ID = 0x400000;
export const SEGMENT_BYTES = 8192;
export const PERMISSION = 0o666;

const [OUT, IN, LENGTH] = [0, 1, 2];
const TEXT_OFFSET = 12;

/** The importer writes the next message. */
export function write(memory, text) {
  const words = new Int32Array(memory, 0, 3);
  const { written } = new TextEncoder().encodeInto(text, new Uint8Array(memory, TEXT_OFFSET));
  words[LENGTH] = written;
  Atomics.add(words, OUT, 1);
}

/** The exporter reads the message and says so in the record. */
export function read(memory) {
  const words = new Int32Array(memory, 0, 3);
  Atomics.store(words, IN, Atomics.load(words, OUT));
  // The length is the importer's word: never believe more than there is room for.
  const length = Math.min(words[LENGTH] >>> 0, memory.byteLength - TEXT_OFFSET);
  return new TextDecoder().decode(new Uint8Array(memory, TEXT_OFFSET, length).slice());
}

/** Whether the exporter has read all that was written. */
export function answered(memory) {
  const words = new Int32Array(memory, 0, 3);
  return Atomics.load(words, OUT) === Atomics.load(words, IN);
}

/** The lines of the console, and an empty one at their end. */
export async function* lines() {
  yield* createInterface({ input: process.stdin });
  yield '';
}

/** Runs the role that the command line asks for; NODE is where the other one runs. */
export async function main(exporter, importer) {
  try {
    const options = {
      e: { type: 'boolean', short: 'e' },
      i: { type: 'boolean', short: 'i' },
      n: { type: 'string', short: 'n' },
    };
    const { values } = parseArgs({ options });
    const node = Number(values.n);
    if (!values.e === !values.i || values.n === undefined || !Number.isInteger(node)) throw usage();
    await (values.e ? exporter(node) : importer(node));
  } catch (error) {
    console.error(error.message);
    process.exitCode = error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
  }
}

const usage = () =>
  Object.assign(new Error('usage: -e -n NODE (exporter) or -i -n NODE (importer)'), {
    code: 'ERR_PARSE_ARGS',
  });
