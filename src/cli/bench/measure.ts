/** Measuring in alternation: what is slow for a while is slow for all. */
import { performance } from 'node:perf_hooks';

export interface Figure {
  median: number;
  low: number;
  high: number;
}

export interface Line {
  name: string;
  /** Nanoseconds each, or bytes per second. */
  unit: 'ns' | 'B/s';
  here: Figure;
  /** The same without this library. */
  beside?: Figure & { name: string };
}

const ROUNDS = 7;
/** Long enough for the clock and short enough for a person. */
const SAMPLE_MS = 30;

/** Does something so many times. */
export type Work = (times: number) => unknown;

/** Nanoseconds each, by the names of the works. */
export async function alternate<K extends string>(
  works: Record<K, Work>,
  signal: AbortSignal,
): Promise<Record<K, Figure>> {
  const names = Object.keys(works) as K[];
  const samples = new Map(names.map((name) => [name, [] as number[]]));
  const times = new Map<K, number>();
  for (const name of names) times.set(name, await enough(works[name], signal));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of names) {
      const count = times.get(name)!;
      samples.get(name)!.push(((await timeOf(works[name], count, signal)) / count) * 1e6);
    }
  }
  return Object.fromEntries(names.map((name) => [name, figure(samples.get(name)!)])) as Record<K, Figure>;
}

/** How often fills a sample; finding out warms up as well. */
async function enough(work: Work, signal: AbortSignal): Promise<number> {
  for (let times = 1; ; times *= 2) {
    if ((await timeOf(work, times, signal)) >= SAMPLE_MS) return times;
  }
}

async function timeOf(work: Work, times: number, signal: AbortSignal): Promise<number> {
  // Signals are heard between two samples.
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
  const begin = performance.now();
  await work(times);
  return performance.now() - begin;
}

function figure(samples: number[]): Figure {
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1]!, low: sorted[0]!, high: sorted.at(-1)! };
}

/** Bytes per second of work that moves so many in the time. */
export function rateOf(bytes: number, { median, low, high }: Figure): Figure {
  const rate = (time: number) => (bytes / time) * 1e9;
  return { median: rate(median), low: rate(high), high: rate(low) };
}
