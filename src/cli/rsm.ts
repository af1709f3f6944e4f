#!/usr/bin/env node
/** The command-line tool: one file per command beside this one. */
import { CommanderError } from 'commander';
import { RsmError } from '../errors.ts';
import { CommandError, Interrupted, systemError, WRONG_USAGE } from './failure.ts';
import { program } from './program.ts';

/** The exit status for what a command threw; says it where nobody has yet. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
  if (error instanceof CommandError) {
    if (error.message !== '') process.stderr.write(`rsm: ${error.message}\n`);
    return error.exitCode;
  }
  if (RsmError.is(error)) {
    process.stderr.write(`rsm: ${error.message}\n`);
    return 1;
  }
  throw error;
}

/** Whoever reads has enough (`rsm ls | head -1`), and all is well; or the disk is full, and it is not. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  const enough = error.code === 'EPIPE';
  process.exit(enough ? 0 : report(systemError('standard output cannot be written', error)));
});
// Nobody is left to be told.
process.stderr.on('error', () => {});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
  // What is still to be written may have no reader who reads.
  if (error instanceof Interrupted) process.exit();
}
