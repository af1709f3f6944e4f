/** Writes docs/performance.md and its plots from results/: after a run with --report, or by itself. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { byId } from '../order.js';
import { markdown } from './markdown.js';
import { plotsOf } from './plots.js';

const here = import.meta.dirname;

export function writeReport(docs = join(here, '..', '..', 'docs')) {
  const folder = join(here, '..', 'results');
  const results = readdirSync(folder)
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')))
    .sort(byId);
  const plots = plotsOf(results);
  const pictures = join(docs, 'performance');
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures, { recursive: true });
  for (const { file, svg } of plots) writeFileSync(join(pictures, file), svg);
  writeFileSync(join(docs, 'performance.md'), markdown(results, plots));
}

if (import.meta.filename === process.argv[1]) writeReport();
