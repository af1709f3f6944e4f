/** `rsm doctor`: what works on this machine, and what to do about the rest. */
import type { Command } from 'commander';
import { command, type Json } from './command.ts';
import type { Finding, State } from './doctor/finding.ts';
import { CommandError, interruptible } from './failure.ts';
import { paint, say, sayJson, wrap } from './terminal.ts';

export function doctorCommand(): Command {
  return command(
    'doctor',
    'find out what works here, and what to do about the rest',
    ['rsm doctor', 'rsm doctor --json | jq \'.findings[] | select(.state != "ok")\''],
    'It looks at the machine, its limits and the runtime directory, and tries to share a page with itself. ' +
      'A note is about something that you may never need; a problem keeps programs from working, and then ' +
      'the exit status is 1.',
  ).action(doctor);
}

async function doctor({ json }: Json): Promise<void> {
  await interruptible(async (signal) => {
    const { CHECKS } = await import('./doctor/checks.ts');
    const findings: Finding[] = [];
    for (const check of CHECKS) {
      signal.throwIfAborted();
      const found = await check();
      findings.push(...found);
      if (!json) for (const finding of found) sayFinding(finding);
    }
    const healthy = findings.every(({ state }) => state !== 'problem');
    if (json) sayJson({ healthy, findings });
    // It has been said.
    if (!healthy) throw new CommandError('');
  });
}

const MARKS: Record<State, string> = {
  ok: paint('green', 'ok     '),
  note: paint('yellow', 'note   '),
  problem: paint('red', 'PROBLEM'),
};
const NAME_COLUMNS = 18;
const INDENT = 9 + NAME_COLUMNS;
const MOST_COLUMNS = 100;

function sayFinding({ state, name, says, mend }: Finding): void {
  const columns = Math.min(process.stdout.columns ?? MOST_COLUMNS, MOST_COLUMNS) - INDENT;
  const [first = '', ...rest] = wrap(says, columns);
  say(`${MARKS[state]}  ${paint('bold', name.padEnd(NAME_COLUMNS))}${first}`);
  for (const line of rest) say(`${' '.repeat(INDENT)}${line}`);
  // In one line, to be copied.
  if (mend !== undefined) say(`${' '.repeat(INDENT)}${paint('cyan', `$ ${mend}`)}`);
}
