/** What ends a command: one sentence on standard error, and an exit status. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(sentence: string, exitCode = 1) {
    super(sentence);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** SIGINT and SIGTERM end a command this way: nothing to say, everything cleaned up. */
export class Interrupted extends CommandError {
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('', signal === 'SIGINT' ? 130 : 143);
  }
}
