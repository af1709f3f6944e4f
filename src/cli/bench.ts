/** `rsm bench`: what this machine does, in a minute. */
import { cpus, release } from 'node:os';
import { Argument, type Command } from 'commander';
import type { Figure, Line } from './bench/measure.ts';
import { command, type Json } from './command.ts';
import { interruptible, loaded } from './failure.ts';
import { type Column, table } from './table.ts';
import { paint, say, sayJson, size } from './terminal.ts';

/** What can be asked, as `bench/questions.ts` answers it; the numbers are those of the repository's bench. */
export const QUESTIONS = {
  call: 'T1: put and get of 8 bytes, checks included',
  bandwidth: 'T2: put and get of blocks',
  'ping-pong': 'T3: a round trip between two processes that spin on mapped memory',
  events: 'T4: a round trip between two processes that sleep until an event comes',
  connect: 'T6: connect to another process, and disconnect',
  rebind: 'T7: rebind 1 MiB under an importer that has it mapped',
} as const;

export type Question = keyof typeof QUESTIONS;

const NAMES = Object.keys(QUESTIONS) as Question[];

export function benchCommand(): Command {
  return command(
    'bench',
    'measure a few things on this machine',
    ['rsm bench', 'rsm bench ping-pong --json'],
    'Each is measured in turn with something that Node.js does without this library, so that a slow minute hits ' +
      'both. Medians of several rounds; their range tells how calm the machine was. References in C ' +
      'are in the repository: `npm run bench`.',
  )
    .addArgument(new Argument('[name]', 'one question (default: all)').choices(NAMES))
    .action(bench);
}

async function bench(name: Question | undefined, { json }: Json): Promise<void> {
  await interruptible(async (signal) => {
    const { answer } = await loaded(import('./bench/questions.ts'));
    const answers: { question: string; lines: Line[] }[] = [];
    for (const question of name === undefined ? NAMES : [name]) {
      const lines = await answer[question](signal);
      answers.push({ question, lines });
      if (!json) say(`${paint('bold', QUESTIONS[question])}\n${table(columns(lines), lines)}\n`);
    }
    if (json) sayJson({ machine: machine(), answers });
    else say(paint('dim', Object.values(machine()).join(', ')));
  });
}

function machine(): Record<string, string> {
  const { length, 0: first } = cpus();
  return {
    cpu: `${length} x ${first?.model.trim() ?? process.arch}`,
    kernel: `Linux ${release()}`,
    node: `Node.js ${process.version}`,
  };
}

function columns(lines: Line[]): Column<Line>[] {
  const here: Column<Line>[] = [
    { head: '', cell: ({ name }) => `  ${name}`, least: 12 },
    { head: 'HERE', cell: ({ unit, here }) => amount(unit, here.median), right: true },
    { head: 'RANGE', cell: ({ unit, here }) => range(unit, here), expendable: 2 },
  ];
  if (lines.every(({ beside }) => beside === undefined)) return here;
  const cell = (text: (unit: Line['unit'], beside: Figure) => string) => {
    return ({ unit, beside }: Line) => (beside === undefined ? '' : text(unit, beside));
  };
  return [
    ...here,
    { head: 'BESIDE IT', cell: ({ beside }) => beside?.name ?? '', least: 9, expendable: 1 },
    { head: '', cell: cell((unit, beside) => amount(unit, beside.median)), right: true, expendable: 1 },
    { head: 'RANGE', cell: cell(range), expendable: 3 },
  ];
}

function range(unit: Line['unit'], { low, high }: Figure): string {
  return `${amount(unit, low)} – ${amount(unit, high)}`;
}

function amount(unit: Line['unit'], value: number): string {
  return unit === 'ns' ? nanoseconds(value) : `${size(value)}/s`;
}

const TIMES = ['ns', 'µs', 'ms', 's'];

/** 31 ns, 2.0 µs, 140 µs */
function nanoseconds(time: number): string {
  const power = Math.max(0, Math.min(Math.floor(Math.log10(time) / 3), TIMES.length - 1));
  const scaled = time / 1000 ** power;
  return `${scaled < 100 ? scaled.toPrecision(2) : Math.round(scaled)} ${TIMES[power]}`;
}
