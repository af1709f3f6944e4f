/** The other processes of `rsm bench`: they are started here, and run `peer.ts`. */
import { fork } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';
import { end } from '../children.ts';
import { CommandError } from '../failure.ts';

export type Role = 'echo' | 'exporter' | 'sleeper' | 'spinner' | 'toucher';

/** A cache line apart, and its neighbour that processors fetch with it. */
export const LINE_WORDS = 32;

export interface Peer {
  /** What it said first. */
  readonly ready: unknown;
  ask(message: unknown): Promise<unknown>;
  end(): Promise<void>;
}

/** Resolves when it is ready. @throws CommandError: it was lost; the reason of the signal */
export async function startPeer(role: Role, args: number[], signal: AbortSignal): Promise<Peer> {
  const module = fileURLToPath(new URL('./peer.js', import.meta.url));
  // Detached: Ctrl-C goes to the measuring process alone, which ends everybody in order.
  const child = fork(module, [role, ...args.map(String)], { detached: true });
  child.on('error', () => {}); // it is lost, then
  const answers = on(child, 'message', { signal, close: ['disconnect'] });
  const next = async (): Promise<unknown> => {
    try {
      const { done, value } = await answers.next();
      if (!done) return value[0];
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
    throw new CommandError('a process of the measurement was lost.');
  };
  try {
    return {
      ready: await next(),
      async ask(message) {
        child.send(message as string);
        return await next();
      },
      end: () => end(child),
    };
  } catch (error) {
    await end(child);
    throw error;
  }
}
