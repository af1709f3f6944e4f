/** examples/rsmtest: real processes talk to each other, in both faces and across them. */
import { describe, expect, it } from 'vitest';
import { type Example, example } from '../support/example.ts';

const faces = ['librsm', 'api'] as const;
const root: boolean = process.getuid?.() === 0;
const NOBODY = 65_534;

function start(face: string, args: string[], uid?: number): Example {
  return example(`rsmtest/${face}.mjs`, args, uid === undefined ? {} : { uid, gid: uid });
}

async function exporting(face: string): Promise<Example> {
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
      importer.finish();
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
    importer.type('from nobody');
    importer.finish();
    expect(await exporter.line()).toBe('received: from nobody');
    expect(await importer.end()).toEqual({ status: 0, errors: '' });
    expect(await exporter.end()).toEqual({ status: 0, errors: '' });
  });
});
