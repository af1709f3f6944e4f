/**
 * `npm run bench [-- NAME…] [--smoke] [--report]`: the questions of bench/questions, each against its reference
 * in the same run. Prints one table and writes results/NAME.json; with --smoke every question runs with tiny
 * parameters and nothing is written, because such figures mean nothing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join, parse } from 'node:path';
import { byId } from './order.js';
import { writeReport } from './report/index.js';
import { printHeading, printLegend, printLine, printShape, printSkipped } from './table.js';

const here = import.meta.dirname;
const known = readdirSync(join(here, 'questions'))
  .map((file) => parse(file).name)
  .sort();
const OPTIONS = ['--smoke', '--report'];
const smoke = process.argv.includes('--smoke');
const asked = process.argv.slice(2).filter((arg) => !OPTIONS.includes(arg));
const unknown = asked.find((name) => !known.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no ${unknown}; there are ${known.join(', ')}\n`);
  process.exit(2);
}

// In memory, as /run is on an installed system: with the runtime directory on a disk, its journal is measured.
const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rsm-bench-'));
process.env.RSM_RUNTIME_DIR = join(directory, 'node');
mkdirSync(process.env.RSM_RUNTIME_DIR, { mode: 0o700 });
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

const context = { smoke, rounds: smoke ? 2 : 7, buildDirectory: join(directory, 'reference'), directory };
const machine = describeMachine();
process.stdout.write(
  `${machine.cpu}, ${machine.cpus} processors, Linux ${machine.kernel}, Node ${machine.node}\n`,
);
const names = asked.length > 0 ? asked : known;
const questions = await Promise.all(
  names.map(async (name) => ({ name, ...(await import(`./questions/${name}.js`)) })),
);
questions.sort(byId);
for (const { name, id, question, run } of questions) {
  printHeading(id, name, question);
  const results = { id, name, question, machine, rounds: context.rounds, lines: [], skipped: [], plots: [] };
  const ownContext = {
    ...context,
    plot: (kind, data) => {
      results.plots.push({ kind, ...data });
      if (kind === 'growth') printShape(data);
    },
    skip: (what, reason) => {
      results.skipped.push({ what, reason });
      printSkipped(what, reason);
    },
  };
  await run(ownContext, (line) => {
    results.lines.push(line);
    printLine(line);
  });
  if (!smoke) write(results);
}
printLegend();
if (process.argv.includes('--report')) writeReport();

function describeMachine() {
  const compiler = execFileSync('cc', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  return {
    cpu: cpus()[0]?.model.trim() ?? arch(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    arch: arch(),
    kernel: release(),
    node: process.version,
    v8: process.versions.v8,
    compiler,
    load: loadavg()[0],
    date: new Date().toISOString(),
  };
}

function write(results) {
  mkdirSync(join(here, 'results'), { recursive: true });
  writeFileSync(join(here, 'results', `${results.name}.json`), `${JSON.stringify(results, null, 2)}\n`);
}
