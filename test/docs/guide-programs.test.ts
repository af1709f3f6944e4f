/** The first two programs of the guide, as they stand there: an exporter, and importers one after the other. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Example, program } from '../support/example.ts';

const root: string = join(import.meta.dirname, '..', '..');
const folder: string = mkdtempSync(join(tmpdir(), 'rsm-guide-'));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(root, join(folder, 'node_modules', 'rsmapi'));
afterAll(() => rmSync(folder, { recursive: true }));

const guide: string = readFileSync(join(root, 'docs', 'guide', 'README.md'), 'utf8');
for (const [, name, code] of guide.matchAll(/^```js\n\/\/ (\S+\.mjs)\n(.*?)^```$/gms)) {
  writeFileSync(join(folder, name!), code!);
}

const start = (name: string): Example => program(process.execPath, [join(folder, name)]);

/** The first ones may come before the exporter has published. */
async function imported(): Promise<void> {
  for (;;) {
    const { status, errors } = await start('importer.mjs').end();
    if (status === 0) return;
    expect(errors).toContain('RSMERR_SEG_NOT_PUBLISHED');
  }
}

test('the exporter counts its importers, and after kill -9 there is nobody to import from', async () => {
  const exporter = start('exporter.mjs');
  for (let count = 1; count <= 3; count += 1) {
    await imported();
    expect(await exporter.line()).toBe(`counter: ${count}`);
  }
  await exporter.kill();
  expect((await start('importer.mjs').end()).errors).toContain('RSMERR_SEG_NOT_PUBLISHED');
});
