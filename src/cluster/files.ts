/** Files of a cluster's directory: never half written, never written over. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';

export function isThere(path: string): boolean {
  return attempt(() => existsSync(path));
}

/** 0700 where it is new: keys are in it. */
export function makeFolder(path: string): void {
  attempt(() => mkdirSync(path, { recursive: true, mode: 0o700 }));
}

/** 0755, and ours: whoever adds the same node at the same time is refused. */
export function makeOpenFolder(path: string): void {
  attempt(() => mkdirSync(path, { mode: 0o755 }));
}

export function removeFolder(path: string): void {
  attempt(() => rmSync(path, { recursive: true }));
}

/** The nodes that have a directory. */
export function nodesOf(folder: string): number[] {
  return attempt(() => readdirSync(folder))
    .map((name) => /^node-(\d{1,2})$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

export function writeNew(path: string, text: string, mode: number): void {
  attempt(() => writeFileSync(path, text, { flag: 'wx', mode, flush: true }));
}

export function replaceFile(path: string, text: string): void {
  attempt(() => {
    const beside = `${path}.new`;
    writeFileSync(beside, text, { mode: statSync(path).mode, flush: true });
    renameSync(beside, path);
  });
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new RsmError(RSMERR_BAD_CONF, 'cluster', (cause as Error).message, { cause });
  }
}
