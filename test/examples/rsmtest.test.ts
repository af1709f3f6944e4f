/** examples/rsmtest: real processes talk to each other, in both faces and across them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { runtimeDirectory } from '../support/runtime.ts';

const folder: string = join(import.meta.dirname, '..', '..', 'examples', 'rsmtest');
const runtime: string = runtimeDirectory({ own: false });
const faces = ['librsm', 'api'] as const;
const root: boolean = process.getuid?.() === 0;
const NOBODY = 65_534;

class Program {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(face: string, args: string[], uid?: number) {
    this.process = spawn(process.execPath, [join(folder, `${face}.mjs`), ...args], {
      env: { ...process.env, RSM_RUNTIME_DIR: runtime },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.process.stderr!.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line; says what is on standard error when there is none. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    return done ? `(ended) ${this.#errors}` : value;
  }

  type(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  async end(): Promise<{ status: number | null; errors: string }> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'close');
    return { status: this.process.exitCode, errors: this.#errors };
  }
}

const started: Program[] = [];
function start(face: string, args: string[], uid?: number): Program {
  const program = new Program(face, args, uid);
  started.push(program);
  return program;
}

afterEach(async () => {
  for (const program of started.splice(0)) {
    program.process.kill('SIGTERM');
    await program.end();
  }
});

async function exporting(face: string): Promise<Program> {
  const exporter = start(face, ['-e', '-n', '0']);
  expect(await exporter.line()).toBe('loopback: pages of 4096 bytes');
  // More than one entry on loopback would be refused (C-079).
  expect(await exporter.line()).toBe('published 0:0x400000');
  return exporter;
}

describe('examples/rsmtest', () => {
  for (const [exporterFace, importerFace] of faces.flatMap((one) => faces.map((other) => [one, other]))) {
    it(`${exporterFace} exporter, ${importerFace} importer`, async () => {
      const exporter = await exporting(exporterFace!);
      const importer = start(importerFace!, ['-i', '-n', '0']);
      for (const line of ['hello', 'Grüße, shared memory', 'x'.repeat(8_000), 'short']) {
        importer.type(line);
        expect(await exporter.line()).toBe(`received: ${line}`);
        expect(await importer.line()).toBe(`sent: ${line}`);
      }
      importer.process.stdin!.end();
      expect(await exporter.line()).toBe('received: ');
      expect(await importer.line()).toBe('sent: ');
      expect(await importer.end()).toEqual({ status: 0, errors: '' });
      expect(await exporter.end()).toEqual({ status: 0, errors: '' });
    });
  }

  for (const face of faces) {
    it(`${face}: says what is wrong`, async () => {
      expect(await start(face, []).end()).toEqual({
        status: 2,
        errors: expect.stringMatching(/^usage: .*\n$/),
      });
      expect(await start(face, ['-e', '-i', '-n', '0']).end()).toMatchObject({ status: 2 });
      const alone = await start(face, ['-i', '-n', '0']).end();
      expect(alone).toEqual({ status: 1, errors: expect.stringMatching(/^.*RSMERR_SEG_NOT_PUBLISHED.*\n$/) });
      const far = await start(face, ['-e', '-n', '5']).end();
      expect(far).toEqual({ status: 1, errors: 'no controller leads to node 5\n' });
    });
  }

  it.runIf(root)('permission 0666 admits another user', async () => {
    const exporter = await exporting('librsm');
    const importer = start('api', ['-i', '-n', '0'], NOBODY);
    importer.process.stdin!.end('from nobody\n');
    expect(await exporter.line()).toBe('received: from nobody');
    expect(await importer.end()).toEqual({ status: 0, errors: '' });
    expect(await exporter.end()).toEqual({ status: 0, errors: '' });
  });
});
