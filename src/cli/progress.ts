/** How far a long transfer is, on a terminal; nothing at all elsewhere, nor for what is done at once. */
import { performance } from 'node:perf_hooks';
import { bytes, duration } from './terminal.ts';

export interface Progress {
  /** So many bytes more. */
  add(count: number): void;
  /** Takes the bar away: what the terminal then shows is the result. */
  end(): void;
}

/** What is done within it needs no progress. */
const PATIENCE_MS = 400;
const BAR = { barsize: 24, barCompleteChar: '█', barIncompleteChar: '░', fps: 10 };
const NOWHERE: Progress = { add: () => {}, end: () => {} };

/**
 * @param total bytes; undefined: nobody knows
 * @param hidden the terminal is needed for the bytes themselves
 */
export async function progressOf(total: number | undefined, hidden = false): Promise<Progress> {
  if (!process.stderr.isTTY || hidden) return NOWHERE;
  const { default: library } = await import('cli-progress');
  const format = total === undefined ? '{said}' : '{bar} {percentage}%  {said}';
  const options = { ...BAR, format, stream: process.stderr, clearOnComplete: true, hideCursor: true };
  const bar = new library.SingleBar({ ...options, gracefulExit: false });
  const begin = performance.now();
  let done = 0;
  const end = (): void => {
    process.removeListener('exit', end);
    bar.stop();
  };
  // A closed pipe ends the process at once: the cursor comes back all the same.
  process.once('exit', end);
  return {
    add(count) {
      done += count;
      const timeMs = performance.now() - begin;
      if (timeMs < PATIENCE_MS) return;
      const payload = { said: sentence(done, total, timeMs) };
      if (bar.isActive) bar.update(done, payload);
      else bar.start(total ?? done, done, payload);
    },
    end,
  };
}

function sentence(done: number, total: number | undefined, timeMs: number): string {
  const rate = (done / timeMs) * 1000;
  const said = `${bytes(done)}${total === undefined ? '' : ` of ${bytes(total)}`}  ${bytes(Math.round(rate))}/s`;
  return total === undefined ? said : `${said}  ${duration(((total - done) / rate) * 1000)} left`;
}
