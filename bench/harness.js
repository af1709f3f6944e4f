/** What every question of bench/ uses: alternating rounds, medians, C references, peer processes. */
import { execFileSync, fork } from 'node:child_process';
import { on } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
export const C = { source: 'c', compiler: 'cc', options: ['-std=gnu11'] };

/**
 * Runs every contender once a round, in turn, so that a slow minute of the machine hits all of them.
 * contenders: name → function that gives one sample, larger or smaller. Returns name → { median, low, high }.
 */
export async function alternate(rounds, contenders) {
  const samples = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, measure] of Object.entries(contenders)) samples[name].push(await measure());
  }
  return Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, summary(values)]));
}

/** Median and spread of samples. */
export function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, low: sorted[0], high: sorted.at(-1) };
}

/** Nanoseconds per call of `action`, which loops itself. */
export function nanosecondsEach(count, action) {
  const begin = process.hrtime.bigint();
  action(count);
  return Number(process.hrtime.bigint() - begin) / count;
}

/** Computes for so long: who waits for this side meanwhile falls asleep. */
export function busyFor(ns) {
  const until = performance.now() + ns / 1e6;
  while (ns > 0 && performance.now() < until);
}

/** The same for an action that is awaited. */
export async function nanosecondsEachAsync(count, action) {
  const begin = process.hrtime.bigint();
  await action(count);
  return Number(process.hrtime.bigint() - begin) / count;
}

/** The same with so many actions under way until `count` are done. Each is told which of the lanes it is in. */
export function pipelined(lanes, count, action) {
  return nanosecondsEachAsync(count, async (times) => {
    let left = times;
    const drive = async (_, lane) => {
      while (left > 0) {
        left -= 1;
        await action(lane);
      }
    };
    await Promise.all(Array.from({ length: lanes }, drive));
  });
}

/** The quantiles that the plots show. */
const QUANTILES = { p50: 0.5, p99: 0.99, p999: 0.999 };

/** Quantiles in nanoseconds of `count` calls of `action`, each timed by itself: reading the clock counts too. */
export function latencies(count, action) {
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const begin = process.hrtime.bigint();
    action(i);
    samples[i] = Number(process.hrtime.bigint() - begin);
  }
  return quantiles(samples);
}

/** The same for an action that is awaited. */
export async function latenciesAsync(count, action) {
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const begin = process.hrtime.bigint();
    await action(i);
    samples[i] = Number(process.hrtime.bigint() - begin);
  }
  return quantiles(samples);
}

function quantiles(samples) {
  const sorted = samples.sort();
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  return Object.fromEntries(Object.entries(QUANTILES).map(([name, part]) => [name, at(part)]));
}

/** A figure in nanoseconds as microseconds. */
export function inMicroseconds({ median, low, high }) {
  return { median: median / 1e3, low: low / 1e3, high: high / 1e3 };
}

/** Rates from times: bytes per nanosecond are GB/s. The slowest time is the lowest rate. */
export function rate(bytes, { median, low, high }) {
  return { median: bytes / median, low: bytes / high, high: bytes / low };
}

/**
 * One line of the table. target: { atMost } or { atLeast } as a ratio ours/reference, or { faster }, how many
 * times less time ours must take; `plus` is what the target allows on top, in the unit of the line. Without a
 * reference, atMost is absolute.
 */
export function line({ name, unit, ours, reference, target }) {
  const ratio = reference === undefined ? undefined : ours.median / reference.median;
  return {
    name,
    unit,
    ours,
    reference,
    ratio,
    target: target && describe(target, unit, reference),
    met: met(),
  };

  function met() {
    if (target === undefined) return undefined;
    if (target.faster !== undefined) return ours.median * target.faster <= reference.median;
    if (target.atLeast !== undefined) return ratio >= target.atLeast;
    if (reference === undefined) return ours.median <= target.atMost;
    return ours.median <= target.atMost * reference.median + (target.plus ?? 0);
  }
}

function describe({ atMost, atLeast, faster, plus }, unit, reference) {
  if (faster !== undefined) return `>= ${faster} x faster`;
  if (atLeast !== undefined) return `>= ${atLeast} x`;
  if (reference === undefined) return `<= ${atMost} ${unit}`;
  return `<= ${atMost} x${plus === undefined ? '' : ` + ${plus} ${unit}`}`;
}

/**
 * A reference, compiled once per run; returns a function that runs it and gives the number it prints.
 * language: C, or { source, compiler, options } of another one. through: a program to start it through, and its
 * arguments.
 */
export function reference(name, buildDirectory, language = C, through = []) {
  const program = join(buildDirectory, name);
  if (!existsSync(program)) {
    const { source, compiler, options } = language;
    mkdirSync(buildDirectory, { recursive: true });
    execFileSync(compiler, ['-O2', '-o', program, join(here, 'reference', `${name}.${source}`), ...options]);
  }
  return (...args) => {
    const [first, ...rest] = [...through, program, ...args.map(String)];
    return Number(execFileSync(first, rest, { encoding: 'utf8' }));
  };
}

/** A process of peers/: ask() sends it a message and gives its answer; its first answer is `ready`. */
export function peer(name, ...args) {
  return peerThrough([], name, ...args);
}

/** The same, started through a program: on another machine. */
export async function peerThrough(through, name, ...args) {
  const [execPath, ...execArgv] = [...through, process.execPath];
  const child = fork(join(here, 'peers', `${name}.js`), args.map(String), { execPath, execArgv });
  const answers = on(child, 'message', { close: ['disconnect'] });
  const next = async () => {
    const { done, value } = await answers.next();
    if (done) throw new Error(`peer ${name} ended`);
    return value[0];
  };
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    pid: child.pid,
    ready: await next(),
    send: (message) => void child.send(message),
    next,
    async ask(message) {
      child.send(message);
      return await next();
    },
    async end() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** In a peer: answers every message with what `answer` gives, and goes when its bench goes. */
export function serve(ready, answer) {
  process.once('disconnect', () => process.exit());
  process.on('message', async (message) => process.send((await answer(message)) ?? null));
  process.send(ready ?? null);
}
