/** One cell of the crash matrix: a victim ends at one step of one operation; what the survivors find. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../actors.ts';
import type { Operation } from './operations.ts';
import { MAIN, OTHER, OWN, type Survivors } from './survivors.ts';
import { AFTERWARDS, type End, type Point } from './trace.ts';
import { Victim } from './victim.ts';

/** What a call may still do after the victim has had all its steps, or did not come to the wanted one. */
const TAIL_MS = 100;
/** Where an operation blocks for ever the victim is ended from outside after this. */
const BLOCKED_MS = 1_000;
const BY_JAVASCRIPT: readonly End[] = ['process.exit', 'exception', 'terminate'];

export interface Outcome {
  /** Of the survivor's own call that the victim served; undefined: there was none. */
  inFlight: string | undefined;
  /** What the survivors say, or what is wrong. */
  survivors: string;
  left: string;
  /** From the victim's end to the survivors' knowing it; undefined: nobody was connected. */
  timeMs: number | undefined;
}

/** Makes the operation once, without an end, and returns its steps. */
export async function steps(survivors: Survivors, library: string, operation: Operation): Promise<Point[]> {
  const { victim, calls } = await begin(survivors, library, operation, 'trace', AFTERWARDS);
  const exits = operation.name === 'exit' ? until(() => hasEnded(victim)) : undefined;
  await Promise.race([exits ?? calls, pause(BLOCKED_MS)]);
  await pause(TAIL_MS);
  const found = victim.steps;
  await victim.peer.kill();
  await afterwards(survivors, operation, victim, false);
  return found;
}

export async function run(
  survivors: Survivors,
  library: string,
  operation: Operation,
  end: End,
  point: Point,
): Promise<Outcome> {
  const { before, served, role } = operation;
  const { victim, calls } = await begin(survivors, library, operation, end, point);
  const threadOnly = role === 'worker' && (end === 'terminate' || end === 'exception');
  const known = before.own === 'published' ? survivors.aborted(OWN) : survivors.alone();
  const gone = BY_JAVASCRIPT.includes(end) ? victim.endFromJavaScript(end, point) : undefined;
  const killedNs = await ended(victim, calls, end, gone);
  const inFlight = served ? await calls : undefined;
  const moment = BigInt(await known);
  const endedNs = killedNs ?? victim.actedNs;
  const found = await afterwards(survivors, operation, victim, threadOnly);
  if (threadOnly) await victim.peer.kill();
  const connected = before.own === 'published' || before.import !== 'nothing';
  const timed = connected && endedNs !== undefined;
  return { inFlight, ...found, timeMs: timed ? Math.max(0, Number(moment - endedNs) / 1e6) : undefined };
}

interface Begun {
  victim: Victim;
  /** The survivor's code; of the victim's own call only that it is over. */
  calls: Promise<string>;
}

async function begin(
  survivors: Survivors,
  library: string,
  { role, name, before, served }: Operation,
  end: End | 'trace',
  point: Point,
): Promise<Begun> {
  const victim = await Victim.start(library, survivors.directory, role === 'worker');
  await survivors.takeLock(before.lock);
  await victim.prepare(before, OWN, OTHER, MAIN);
  await survivors.awaitLock(before.lock);
  if (before.own === 'published') await survivors.connect(OWN);
  if (role === 'worker') await survivors.connect(MAIN);
  const own = victim.perform(served ? 'served' : name, name === 'publish' ? OWN : OTHER, end, point);
  const calls = own.catch(() => 'ended');
  if (!served) return { victim, calls };
  await calls; // armed
  if (end === 'blocked') await block(victim);
  return { victim, calls: survivors.call(name) };
}

/** The main thread does not come back to its event loop. */
async function block(victim: Victim): Promise<void> {
  await victim.peer.run(() => {
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
}

function hasEnded({ peer }: Victim): boolean {
  return peer.process.exitCode !== null || peer.process.signalCode !== null;
}

function isStopped({ peer }: Victim): boolean {
  try {
    return /\) T/.test(readFileSync(`/proc/${peer.pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Until it has ended; helps where it has to be killed, and returns when, or never came to the point. */
async function ended(
  victim: Victim,
  calls: Promise<string>,
  end: End,
  gone: Promise<void> | undefined,
): Promise<bigint | undefined> {
  let over = false;
  const settle = Promise.race([calls.then(() => pause(TAIL_MS)), pause(BLOCKED_MS)]).then(() => {
    over = true;
  });
  if (end === 'blocked') await calls;
  else if (gone === undefined) await until(() => hasEnded(victim) || isStopped(victim) || over);
  else {
    const late = settle.then(() => (victim.actedNs === undefined ? victim.endNow(end) : undefined));
    await Promise.race([gone, late.then(() => gone)]);
  }
  if (hasEnded(victim) || victim.endsAsThread(end)) return undefined;
  const moment = process.hrtime.bigint();
  await victim.peer.kill();
  return moment;
}

async function afterwards(
  survivors: Survivors,
  { role, name, before }: Operation,
  victim: Victim,
  threadOnly: boolean,
): Promise<{ survivors: string; left: string }> {
  const said: string[] = [];
  if (before.own === 'published' || name === 'connect of another') {
    await survivors.aborted(OWN);
    said.push(`imports ${(await survivors.fate(OWN)).join(', ')}`);
  }
  if (role === 'worker') {
    if (!threadOnly) await survivors.aborted(MAIN);
    said.push(`imports of the main thread ${(await survivors.fate(MAIN)).join(', ')}`);
  }
  await survivors.alone();
  if (before.lock !== undefined) said.push(await survivors.locksGoOn(before.lock));
  said.push((await survivors.goesOn()) ? 'others go on' : 'others do not go on');
  const files = survivors.filesOf(victim.peer.pid, threadOnly);
  const id = await survivors.succeed();
  said.push(id === 'done' ? 'id free' : `id ${id}`);
  const kept = survivors.filesOf(victim.peer.pid, threadOnly);
  if (kept.length > 0) said.push(`never removed: ${kept.join(' ')}`);
  return { survivors: said.join('; '), left: files.length > 0 ? 'empty files' : 'nothing' };
}
