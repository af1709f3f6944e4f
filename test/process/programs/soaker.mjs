// One of the many processes of the soak: `soaker.mjs NUMBER OF`. Exports a segment, imports the others', and does
// everything at random, as fast as it can. What must hold is checked here; a line of JSON with figures each second.
//
//   word 0           number of the exporter           word 1   which of its memories this is, from 1
//   word 16 + j      written by importer j only
import { setTimeout as pause } from 'node:timers/promises';

const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);
const [own, count] = process.argv.slice(2).map(Number);
const FIRST_ID = 0x600200;
const SLOTS = 16;
const WAKE_MS = 1_000;
const LATENCIES = 2_000;

const controller = api.openController();
const figures = { operations: 0, aborts: 0, rebinds: 0, connects: 0, wakeUps: 0, latenciesUs: [] };
const random = (below) => Math.floor(Math.random() * below);

/** The code of what failed; anything but these is a finding, and ends the soak. */
async function codeOf(allowed, work) {
  figures.operations += 1;
  try {
    await work();
    return '';
  } catch (error) {
    if (!allowed.includes(error.code)) throw error;
    if (error.code === 'RSMERR_CONN_ABORTED') figures.aborts += 1;
    return error.code;
  }
}

function must(condition, what) {
  if (!condition) throw new Error(`process ${own}: ${what}`);
}

const memories = [1, 2].map((which) => {
  const words = new Int32Array(api.allocate(8192));
  words.set([own, which]);
  return words;
});
let bound = 0;
const segment = controller.createExport(memories[0].buffer, { allowRebind: true });
const publish = () => segment.publish({ id: FIRST_ID + own });

async function answer() {
  for await (const _ of segment.events()) {
    figures.wakeUps += 1;
    if (segment.id !== undefined) segment.post({ accumulate: false });
  }
}

/** Imports by the number of their exporter. */
const imports = new Map();

async function connect(other) {
  const ended = ['RSMERR_SEG_NOT_PUBLISHED', 'RSMERR_INTERRUPTED'];
  let imported;
  const code = await codeOf(ended, async () => {
    const target = { id: FIRST_ID + other, mode: 'rw' };
    imported = random(2) === 0 ? controller.connectSync(target) : await controller.connect(target);
  });
  if (code !== '') return;
  figures.connects += 1;
  await codeOf(['RSMERR_CONN_ABORTED'], () => {
    imports.set(other, { imported, words: new Int32Array(imported.map()), value: 0 });
  });
  if (!imports.has(other)) imported.close();
}

function drop(other) {
  imports.get(other)?.imported.close();
  imports.delete(other);
}

/** Within a barrier that closes well every access reached live memory of this exporter. */
async function span(other, { imported, words }) {
  const value = random(1 << 30);
  const before = [words[0], words[1]];
  let seen = [];
  const code = await codeOf(['RSMERR_CONN_ABORTED'], () => {
    const barrier = imported.barrier();
    barrier.open();
    Atomics.store(words, SLOTS + own, value);
    seen = [Atomics.load(words, SLOTS + own), words[0], words[1]];
    barrier.close();
  });
  if (code !== '') return drop(other);
  must(seen[1] === other && (seen[2] === 1 || seen[2] === 2), `foreign memory: ${seen}`);
  must(
    seen[0] === value || before[1] !== seen[2] || seen[2] !== words[1],
    'a store within a barrier was lost',
  );
}

async function transfer(other, { imported }) {
  const sent = Int32Array.of(random(1 << 30));
  const got = new Int32Array(2);
  const code = await codeOf(['RSMERR_CONN_ABORTED'], () => {
    imported.put(4 * (SLOTS + own), sent);
    imported.get(0, got);
  });
  if (code !== '') return drop(other);
  must(got[0] === other && (got[1] === 1 || got[1] === 2), `foreign memory: ${got}`);
}

async function wake(other, { imported }) {
  while (imported.waitSync(0)) figures.wakeUps += 1;
  const began = performance.now();
  const code = await codeOf(['RSMERR_CONN_ABORTED', 'RSMERR_TIMEOUT'], async () => {
    imported.post();
    await imported.wait({ timeoutMs: WAKE_MS });
  });
  // An aborted connection does not wake its waiters, and an exporter may have unpublished for a moment.
  if (code !== '') return drop(other);
  figures.wakeUps += 1;
  if (figures.latenciesUs.length < LATENCIES) figures.latenciesUs.push((performance.now() - began) * 1000);
}

async function rebind() {
  bound = 1 - bound;
  await codeOf([], () => segment.rebind(memories[bound].buffer));
  figures.rebinds += 1;
  must(memories[bound][0] === own && memories[bound][1] === bound + 1, 'memory of the exporter was changed');
}

async function withdraw() {
  await codeOf([], () => segment.unpublish());
  if (random(2) === 0) await pause(random(5));
  await codeOf([], publish);
}

async function step() {
  const other = random(count);
  const held = imports.get(other);
  const choice = random(100);
  if (choice < 2) await withdraw();
  else if (choice < 10) await rebind();
  else if (held === undefined) await connect(other);
  else if (choice < 14) drop(other);
  else if (choice < 50) await span(other, held);
  else if (choice < 90) await transfer(other, held);
  else await wake(other, held);
}

publish();
void answer();
setInterval(() => {
  console.log(JSON.stringify(figures));
  for (const key of Object.keys(figures)) figures[key] = key === 'latenciesUs' ? [] : 0;
}, 250);
for (let turn = 0; ; turn += 1) {
  await step();
  if (turn % 16 === 0) await new Promise(setImmediate);
}
