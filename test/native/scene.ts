/** One exporting thread with a runtime directory of its own, straight on the native surface. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll } from 'vitest';
import {
  type Code,
  type Connection,
  type ConnectRequest,
  type NativeExport,
  native,
} from '../../src/native/index.ts';

export const PAGE = 4096;
export const READ_WRITE = 0o600;
/** A flag of createExport. */
export const LOCK_OPS = 2;
export const addon: string = fileURLToPath(
  new URL('../../native/build/Release/loopback.node', import.meta.url),
);
export const directory: string = mkdtempSync(join(tmpdir(), 'rsm-test-'));
export const record: ReturnType<typeof native.openRecord> = native.openRecord(directory, 'exporter', 0, -1);
/** Everybody on node 0 may read and write. */
export const grants: Uint32Array = new Uint32Array([0, 0, 0o600, 1, 0, READ_WRITE]);

afterAll(() => {
  native.closeRecord(record);
  rmSync(directory, { recursive: true });
});

/** The result of a native function that did not fail. */
export function good<T>(result: T | Code): T {
  if (typeof result === 'number') throw new Error(`native code ${result}`);
  return result;
}

let lastId = 0;

export interface Published {
  segment: NativeExport;
  memory: ArrayBuffer;
  request: ConnectRequest;
}

export function published(pages = 1, flags = 0): Published {
  const memory = good(native.allocate(pages * PAGE, 0));
  const segment = good(native.createExport(memory, 0, pages * PAGE, flags));
  const id = ++lastId;
  const code = native.publish(segment, record, id, `claim-${id}`, grants);
  if (code !== 0) throw new Error(`publish: ${code}`);
  const socketPath = join(directory, 'exporter.s');
  const request = { socketPath, owner: process.getuid!(), node: 0, id, permission: READ_WRITE };
  return { segment, memory, request: { ...request, timeoutMs: 10_000 } };
}

export function connected(to: Published): Connection {
  return good(native.connect(to.request));
}

/** Collects garbage and lets the finalizers run, which wait for the event loop. */
export async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 5; turn++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
