/** A node for one test file: a runtime directory of its own, checked and removed afterwards. */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { Plane } from './plane.ts';

/** Only a signal that ends a process may leave files behind; whoever sends one adds the process here. */
export const killed: Set<number> = new Set();

/**
 * Makes a runtime directory that every user may use. `own`: this process becomes part of that node, so
 * one record (file and socket) of it may still be there at the end; everybody else must be gone.
 */
export function runtimeDirectory({ own = true }: { own?: boolean } = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'rsm-test-'));
  chmodSync(directory, 0o1777);
  if (own) process.env.RSM_RUNTIME_DIR = directory;
  afterAll(() => {
    const left = leftovers(directory);
    rmSync(directory, { recursive: true, force: true });
    if (killed.size > 0) return;
    expect(left.claims, 'claims nobody removed').toEqual([]);
    expect(left.records.length, `records left: ${left.records.join(' ')}`).toBeLessThanOrEqual(own ? 2 : 0);
  });
  return directory;
}

/**
 * The node of a test file; where a plane says which nodes there are, these: they are everybody's, and what
 * the file leaves there is what was not there before. Returns the directory of the exporting one.
 */
export function nodesOfPlane({ exporting, importing }: Plane): string {
  if (exporting.runtime === undefined || importing.runtime === undefined) return runtimeDirectory();
  process.env.RSM_CONFIG = importing.config;
  for (const runtime of [exporting.runtime, importing.runtime]) {
    const before = leftovers(runtime);
    afterAll(() => {
      if (killed.size > 0) return;
      const { claims, records } = leftovers(runtime);
      expect(claims, 'claims nobody removed').toEqual([]);
      const ours = records.filter((record) => !before.records.includes(record));
      expect(ours.length, `records left: ${ours.join(' ')}`).toBeLessThanOrEqual(2);
    });
  }
  return exporting.runtime;
}

/** What processes left in a runtime directory, apart from the directories and the lock of the node. */
export function leftovers(directory: string): { claims: string[]; records: string[] } {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory() && entry.name !== 'node.lock');
  const paths = (claims: boolean): string[] =>
    files
      .filter((entry) => entry.isSymbolicLink() === claims)
      .map((entry) => join(entry.parentPath, entry.name));
  return { claims: paths(true), records: paths(false) };
}
