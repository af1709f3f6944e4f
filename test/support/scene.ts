/**
 * What most tests use: segments of this process and peers on the node of this test file. Everything is
 * ended after the test that made it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, test, vi } from 'vitest';
import { type Controller, openController } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import { type Peer, type PeerOptions, startPeer } from './peer.ts';
import { type Capability, has, plane } from './plane.ts';
import { nodesOfPlane } from './runtime.ts';
import * as segments from './segments.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Of the exporting node. */
export const directory: string = nodesOfPlane(plane);
export const PAGE = 4096;
/** Two users who exist nowhere else. */
export const ALICE = 20_001;
export const BOB = 20_002;
/** Other users can only be played by root. */
export const root: boolean = process.getuid?.() === 0;

/** The node that access lists are about. */
export const IMPORTER: number = plane.importing.node;
/** The node that segments are connected to. */
export const EXPORTER: number = plane.exporting.node;

const tools: segments.Tools = { rsm, plane, opened: (side) => segments.opened(rsm, plane, side) };
const finish: (() => unknown)[] = [];

/**
 * Ends everything that was made so far, and lets the collector return memory that nobody has any more. What
 * does not end well is thrown when all the others have ended: no process may outlive a test that failed.
 */
export async function tidy(): Promise<void> {
  const errors: unknown[] = [];
  for (const end of finish.splice(0).reverse()) {
    try {
      await end();
    } catch (error) {
      errors.push(error);
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (errors.length > 0) throw errors[0];
}

afterEach(tidy);

/** Runs after the test, last registered first. */
export function later(end: () => unknown): void {
  finish.push(end);
}

export function exported(options?: segments.ExportOptions): segments.Exported {
  const made = segments.exported(tools, options);
  later(() => endExport(made.segment));
  later(() => rsm.rsm_release_controller(made.controller));
  return made;
}

export function imported(options: segments.ImportOptions): segments.Imported {
  const made = segments.imported(tools, options);
  later(() => endImport(made.segment));
  later(() => rsm.rsm_release_controller(made.controller));
  return made;
}

/** Destroys whatever state the segment is in; a destroyed one is fine. */
export function endExport(segment: rsm.rsm_memseg_export_handle_t): void {
  let result = rsm.rsm_memseg_export_destroy(segment);
  for (let tries = 0; result === rsm.RSMERR_POLLFD_IN_USE && tries < 10_000; tries++) {
    rsm.rsm_memseg_release_pollfd(segment);
    result = rsm.rsm_memseg_export_destroy(segment);
  }
}

/** Disconnects whatever state the segment is in; a disconnected one is fine. */
export function endImport(segment: rsm.rsm_memseg_import_handle_t): void {
  rsm.rsm_memseg_import_unmap(segment);
  let result = rsm.rsm_memseg_import_disconnect(segment);
  for (let tries = 0; result === rsm.RSMERR_POLLFD_IN_USE && tries < 10_000; tries++) {
    rsm.rsm_memseg_release_pollfd(segment);
    result = rsm.rsm_memseg_import_disconnect(segment);
  }
}

/** The controller of an end, the importing one if absent; released after the test. */
export function controller(side: 'exporting' | 'importing' = 'importing'): rsm.rsmapi_controller_handle_t {
  const handle = tools.opened(side);
  later(() => rsm.rsm_release_controller(handle));
  return handle;
}

/** The same for the api. */
export function openEnd(side: 'exporting' | 'importing'): Controller {
  const opened = openController(plane.controller, plane[side]);
  later(() => opened.close());
  return opened;
}

/** Keeps the controllers of both ends open for all of a file that connects very often: the way stays, too. */
export function holdEnds(): void {
  const ends = [plane.exporting, plane.importing].map((side) => openController(plane.controller, side));
  afterAll(() => {
    for (const end of ends) end.close();
  });
}

/** The result code of a connect; a connection that succeeds is ended again. */
export function connectCode(id: number, mode = 0o600, node: number = EXPORTER): number {
  const segment = rsm.out<rsm.rsm_memseg_import_handle_t>();
  const result = rsm.rsm_memseg_import_connect(controller('importing'), node, id, mode, segment);
  if (result === 0) rsm.rsm_memseg_import_disconnect(segment.value!);
  return result;
}

/** Page-aligned memory filled with one value. */
export function filled(pages: number, value: number): ArrayBuffer {
  const memory = rsm.valloc(pages * PAGE)!;
  new Uint8Array(memory).fill(value);
  return memory;
}

/** A peer that ends with the test. */
export async function peer(options?: PeerOptions): Promise<Peer> {
  const started = await startPeer(options);
  later(() => started.end());
  return started;
}

/** A file that every user may read, removed after the test. */
export function file(text: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'rsm-file-'));
  later(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const path = join(folder, 'file');
  writeFileSync(path, text, { mode: 0o644 });
  return path;
}

/** A System V segment with that mode, removed after the test. Returns its shmid. */
export function systemV(bytes: number, mode = '0600'): number {
  const said = execFileSync('ipcmk', ['--shmem', String(bytes), '--mode', mode], { encoding: 'utf8' });
  const shmid = Number(/\d+/.exec(said)![0]);
  later(() => execFileSync('ipcrm', ['--shmem-id', String(shmid)]));
  return shmid;
}

/** `test` where the plane has it; elsewhere the test is skipped, and conformance.md says why. */
export function needs(capability: Capability): typeof test {
  return has(capability) ? test : (test.skip as typeof test);
}

/** Until what was posted on one end of that connection is pending on the other. */
export function arrived(segment: rsm.rsm_memseg_import_handle_t): void {
  if (has('atOnce')) return;
  // Each turns the gateway's thread once, which looks for what the exporter posted when it has stopped spinning for
  // more from the importer; what the importer posted is before it on the same connection.
  for (let n = 0; n < 3; n++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    rsm.rsm_memseg_import_get8(segment, 0, new Uint8Array(1), 1);
  }
}

/** Until this end knows what the other one has done: on one node it does at once, or the check fails. */
export async function known(check: () => void): Promise<void> {
  if (has('atOnce')) check();
  else await vi.waitFor(check, { timeout: 20_000 });
}
