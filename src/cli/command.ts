/** The shape that all commands of `rsm` have, and what people type on their lines. */
import { Command, InvalidArgumentError } from 'commander';

export interface Json {
  json?: true;
}

/** What a command shows for example. */
const EXAMPLES = new WeakMap<Command, string[]>();

/**
 * One command, with `--json` and examples in its help. Its action loads what it needs, so that help is
 * quick.
 * @param summary half a sentence
 * @param details sentences
 */
export function command(name: string, summary: string, examples: string[], details?: string): Command {
  const made = new Command(name).option('--json', 'write JSON, for programs');
  return explained(made, summary, examples, details);
}

/** Gives a command its help. */
export function explained(made: Command, summary: string, examples: string[], details?: string): Command {
  EXAMPLES.set(made, examples);
  const title = examples.length === 1 ? 'Example:' : 'Examples:';
  return made
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${details ? `\n\n${details}` : ''}`)
    .addHelpText('after', ['', title, ...examples.map((example) => `  $ ${example}`)].join('\n'));
}

export function examplesOf(made: Command): string[] {
  return EXAMPLES.get(made) ?? [];
}

/** A segment as people name it. */
export interface Named {
  /** undefined: the own one. */
  node: number | undefined;
  id: number;
}

const NUMBER = '(?:0x[0-9a-f]+|[0-9]+)';
const WHOLE = new RegExp(`^${NUMBER}$`, 'i');
const SEGMENT = new RegExp(`^(?:(${NUMBER}):)?(${NUMBER})$`, 'i');
const LARGEST_ID = 0xffff_ffff;
const LARGEST_NODE = 63;
const LARGEST_PORT = 65_535;
/** A day: within what a timer can wait. */
const MOST_SECONDS = 86_400;

/** NODE:ID, or ID on the own node. */
export function segmentArgument(text: string): Named {
  const [, node, id] = SEGMENT.exec(text) ?? [];
  if (id === undefined) {
    throw new InvalidArgumentError('A segment is NODE:ID or ID, decimal or 0x hexadecimal: 0:0x600000.');
  }
  return { node: node === undefined ? undefined : nodeArgument(node), id: idArgument(id) };
}

export function nodeArgument(text: string): number {
  return whole(text, 0, LARGEST_NODE, `A node is a number from 0 to ${LARGEST_NODE}.`);
}

export function idArgument(text: string): number {
  return whole(text, 0, LARGEST_ID, 'An id is a number of 32 bits, decimal or 0x hexadecimal: 0x600000.');
}

/** A number of bytes. */
export function sizeArgument(text: string): number {
  return whole(text, 0, Number.MAX_SAFE_INTEGER, 'It must be a number of bytes, decimal or 0x hexadecimal.');
}

export function countArgument(text: string): number {
  return whole(text, 1, Number.MAX_SAFE_INTEGER, 'It must be a whole number above zero.');
}

export function portArgument(text: string): number {
  return whole(text, 1, LARGEST_PORT, `A port is a number from 1 to ${LARGEST_PORT}.`);
}

export function secondsArgument(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= MOST_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be a number of seconds, at most ${MOST_SECONDS}.`);
}

function whole(text: string, from: number, to: number, complaint: string): number {
  const number = Number(text);
  if (WHOLE.test(text) && number >= from && number <= to) return number;
  throw new InvalidArgumentError(complaint);
}
