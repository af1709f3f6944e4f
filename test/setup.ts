/**
 * Once per run: no test may meet the node of this machine by accident. What says nothing about it uses a
 * runtime directory of this run, which goes with it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function setup(): () => void {
  const runtime = mkdtempSync(join(tmpdir(), 'rsm-test-'));
  process.env.RSM_RUNTIME_DIR = runtime;
  return () => rmSync(runtime, { recursive: true, force: true });
}
