// npm run test:litmus [-- ROUNDS]: what processes on one segment see of each other's accesses. Prints the table of
// docs/internals/memory-model.md; with --json what it is made of. Four processes, each of which imports the segment.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { allocate, openController } from '../../../../dist/api/index.js';
import { INSTANCES, LENGTH_BYTES, PROCESSES } from './layout.mjs';
import { ACCESSES, TESTS } from './tests.mjs';

const json = process.argv.includes('--json');
const rounds = Number(process.argv.find((argument) => /^\d+$/.test(argument)) ?? 10_000);

const memory = allocate(Math.ceil(LENGTH_BYTES / 4096) * 4096);
const words = new Int32Array(memory);
const segment = openController().createExport(memory);
const id = segment.publish();

const program = join(import.meta.dirname, 'process.mjs');
const processes = Array.from({ length: PROCESSES }, (_, index) => fork(program, [String(id), String(index)]));
for (const child of processes) {
  child.on('exit', (code) => {
    if (!child.connected && code === 0) return;
    // The others would wait for it for ever.
    for (const other of processes) other.kill('SIGKILL');
    process.exitCode = 1;
  });
}
const answers = (children) => Promise.all(children.map((child) => once(child, 'message')));

async function measure(test, access) {
  // Stale values are those of the round before, so every job starts with one that is there.
  words.fill(0);
  const taking = processes.slice(0, TESTS[test].threads.length);
  const answered = answers(taking);
  for (const child of taking) child.send({ test, access, rounds });
  const [[outcomes]] = await answered;
  return { test, access, ...ACCESSES[access], weak: TESTS[test].weak, outcomes };
}

await answers(processes);
const results = [];
for (const test of Object.keys(TESTS)) {
  for (const access of Object.keys(ACCESSES)) results.push(await measure(test, access));
}
for (const child of processes) child.disconnect();
segment.close();

if (json) {
  console.log(JSON.stringify(results));
} else {
  const number = (count) => (count ?? 0).toLocaleString('en');
  console.log(
    `${number(rounds * INSTANCES)} instances of each, Node.js ${process.version}, ${process.arch}\n`,
  );
  console.log('| test | access | weak outcome | seen | promised |\n| --- | --- | --- | --- | --- |');
  for (const { test, access, weak, outcomes, ordered } of results) {
    console.log(`| ${test} | ${access} | ${weak} | ${number(outcomes[weak])} | ${ordered ? 'never' : ''} |`);
  }
}
