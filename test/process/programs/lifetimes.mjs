// Scenes about who outlives whom: `lifetimes.mjs SCENE`, with --expose-gc. Prints one line of JSON.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);
const SECONDS = Number(process.env.RSM_TORTURE_SECONDS ?? 5);
const WORKERS = Number(process.env.RSM_WORKERS ?? 60);

const controller = api.openController();
const memory = api.allocate(8192);
const bytes = new Uint8Array(memory);
const segment = controller.createExport(memory, { allowRebind: true });
const id = segment.publish();
const connect = () => controller.connectSync({ id, mode: 'rw' });
const code = (work) => {
  try {
    work();
    return 'done';
  } catch (error) {
    return error.code ?? String(error);
  }
};

const objects = () => readFileSync('/proc/self/maps', 'utf8').split('/memfd:').length - 1;
const holds = () => ({
  objects: objects(),
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
});

async function collect() {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc();
    await pause(5);
  }
}

/** Collects until no more is there than before; the test's own time limit ends it otherwise. */
async function collected(before) {
  for (;;) {
    await collect();
    const now = holds();
    if (Object.keys(before).every((key) => now[key] <= before[key])) return true;
  }
}

/** Something of everything; `turn` chooses. What it leaves open is the collector's. */
async function one(turn) {
  const own = api.allocate(4096 * (1 + (turn % 3)));
  const exported = controller.createExport(own, { allowRebind: true });
  const imported = controller.connectSync({ id: exported.publish(), mode: 'rw' });
  const view = new Uint8Array(imported.map());
  view[0] = turn;
  if (new Uint8Array(own)[0] !== turn % 256) throw new Error('not the memory of the exporter');
  if (turn % 4 === 0) imported.close();
  if (turn % 7 === 0) globalThis.gc();
  if (turn % 11 === 0) exported.rebind(api.allocate(own.byteLength));
  // What is published stays for the others; apart from that it is the collector's.
  if (turn % 5 === 0) exported.close();
  else exported.unpublish();
  if (turn % 13 === 0) await pause(0);
  return turn % 3 === 0 ? view : undefined;
}

const scenes = {
  // Nobody has the segment any more, but its buffer: it stays connected until that is collected, too.
  async open() {
    connect().map(); // makes what is kept: scratch pages
    while (segment.importers > 0) await collect();
    const before = holds();
    let view = new Uint8Array(connect().map());
    await collect();
    view[0] = 9;
    const whole = { seen: bytes[0], importers: segment.importers };
    view = undefined;
    return { ...whole, collected: await collected(before), left: segment.importers };
  },

  // Closed, and the detached buffer kept; then another segment where it was: nobody sees it.
  async closed() {
    const imported = connect();
    const buffer = imported.map();
    const view = new Uint8Array(buffer);
    imported.close();
    const others = Array.from({ length: 50 }, () => new Uint8Array(connect().map()).fill(7));
    await collect();
    return { length: [buffer.byteLength, view.length], read: view[0] ?? null, others: others.length };
  },

  // The engine does not let go of a buffer on foreign memory: it stays, and stays the segment's.
  async transferred() {
    const imported = connect();
    const buffer = imported.map();
    const view = new Uint8Array(buffer);
    const worker = new Worker("require('node:worker_threads').parentPort.once('message', () => {})", {
      eval: true,
    });
    const refused = [
      code(() => structuredClone(buffer, { transfer: [buffer] })),
      code(() => worker.postMessage(buffer, [buffer])),
      buffer.transfer === undefined ? 'TypeError' : code(() => buffer.transfer()).split(':')[0],
    ];
    await worker.terminate();
    view[1] = 6;
    const seen = bytes[1];
    imported.close();
    await collect();
    return { refused, seen, length: view.length };
  },

  // What is detached is refused where memory is wanted, and changes nothing for who has it already.
  async detached() {
    const gone = api.allocate(4096);
    const view = new Uint8Array(gone);
    api.release(gone);
    const imported = connect();
    const codes = [
      code(() => controller.createExport(gone)),
      code(() => segment.rebind(gone)),
      code(() => imported.put(0, view)),
      code(() => api.release(gone)),
      code(() => imported.put(4096, new Uint8Array([1]))),
    ];
    return { codes, seen: bytes[4096] };
  },

  // Each worker exports, imports from the main thread and ends: by itself, by terminate or by an exception.
  async workers() {
    const program = `const { workerData: { dist, id, how } } = require('node:worker_threads');
      import(dist + '/api/index.js').then(async (api) => {
        const controller = api.openController();
        const own = controller.createExport(api.allocate(4096));
        const mine = controller.connectSync({ id: own.publish(), mode: 'rw' });
        new Uint8Array(mine.map())[0] = 1;
        const imported = await controller.connect({ id, mode: 'rw' });
        new Uint8Array(imported.map())[2] += 1;
        imported.post();
        if (how === 'exception') setImmediate(() => { throw new Error('nobody catches'); });
        if (how === 'terminate') own.wait().catch(() => {});
        if (how === 'exit') process.exit();
      });`;
    const start = async (how) => {
      const worker = new Worker(program, {
        eval: true,
        workerData: { dist: process.env.RSM_TEST_DIST, id, how },
      });
      worker.on('error', () => {});
      const gone = once(worker, 'exit').catch(() => {});
      await segment.wait();
      if (how === 'terminate') await worker.terminate();
      await gone;
    };
    const ways = ['end', 'exit', 'terminate', 'exception'];
    for (const how of ways) await start(how);
    await collect();
    const before = holds();
    for (let i = 0; i < WORKERS; i += 1) await start(ways[i % ways.length]);
    while (segment.importers > 0) await pause(5);
    return { collected: await collected(before), importers: segment.importers };
  },

  // The collector at every corner, and what it collects is open.
  async torture() {
    for (let turn = 1; turn < 50; turn += 1) await one(turn);
    await collect();
    const before = holds();
    let kept = [];
    let turns = 0;
    for (const end = Date.now() + SECONDS * 1000; Date.now() < end; turns += 1) {
      kept.push(await one(turns));
      if (kept.length > 40) kept = [];
      if (turns % 100 === 0) await collect();
    }
    kept = [];
    return { collected: await collected(before), turned: turns > 100 };
  },
};

console.log(JSON.stringify(await scenes[process.argv[2]]()));
process.exit(0);
