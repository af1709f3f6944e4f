#!/usr/bin/env node
/** The command-line tool: one file per command beside this one. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { RsmError } from '../api/index.ts';
import { demoCommand } from './demo.ts';
import { exportCommand } from './export.ts';
import { CommandError } from './failure.ts';
import { getCommand } from './get.ts';
import { putCommand } from './put.ts';

const WRONG_USAGE = 2;

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The exit status for what a command threw; says it where nobody has yet. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
  if (error instanceof CommandError) {
    if (error.message !== '') process.stderr.write(`rsm: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof RsmError) {
    const said = error.message.includes(error.code) ? '' : ` (${error.code})`;
    process.stderr.write(`rsm: ${error.message}${said}\n`);
    return 1;
  }
  throw error;
}

const program = new Command('rsm')
  .description('Remote Shared Memory: segments of this node, from a shell')
  .version(version())
  .exitOverride()
  .addCommand(demoCommand().exitOverride());

for (const each of [exportCommand(), getCommand(), putCommand()]) program.addCommand(each.exitOverride());

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
