// Scenes with SharedArrayBuffers on a mapping: `shared.mjs SCENE`, with --expose-gc. Prints one line of JSON.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);
const PAGE = api.pageSize();
const ROUNDS = 50;

const controller = api.openController();
const memory = api.allocate(2 * PAGE);
const words = new Int32Array(memory);
const segment = controller.createExport(memory, { allowRebind: true });
const id = segment.publish();

/** A worker that gets a buffer and adds to its second word. */
const adder = (buffer, times) =>
  new Worker(
    `const { workerData: { buffer, times } } = require('node:worker_threads');
     for (let i = 0; i < times; i += 1) Atomics.add(new Int32Array(buffer), 1, 1);`,
    { eval: true, workerData: { buffer, times } },
  );

/** A worker that maps for itself and posts the buffer here. */
const mapper = () =>
  new Worker(
    `const { parentPort, workerData: { id, dist } } = require('node:worker_threads');
     import(dist + '/api/index.js').then(({ openController }) => {
       const buffer = openController().connectSync({ id, mode: 'rw' }).map({ shared: true });
       parentPort.on('message', () => {});
       parentPort.postMessage(buffer);
     });`,
    { eval: true, workerData: { id, dist: process.env.RSM_TEST_DIST } },
  );

const ended = (worker) => once(worker, 'exit');
/** Mappings of memory that is shared with others, or that took the place of such. */
const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('/memfd:').length - 1;

/** Collects until no more are there than before; the test's own time-out ends it otherwise. */
async function collected(before) {
  while (mappings() > before) {
    globalThis.gc();
    await pause(5);
  }
  return mappings() <= before;
}

const scenes = {
  // A runtime without it: nothing is mapped, an ordinary map works.
  async refused() {
    const imported = await controller.connect({ id, mode: 'rw' });
    try {
      imported.map({ shared: true });
      return {};
    } catch ({ code, message }) {
      const says = /Node\.js v\S+ cannot wrap foreign memory as a SharedArrayBuffer/.exec(message)?.[0];
      const since = /use (.*) or newer/.exec(message)?.[1];
      return { code, says, since, mapped: imported.map().byteLength };
    }
  },

  // One buffer for several workers; puts and gets, a barrier and a rebind go through it as well.
  async posted() {
    const imported = await controller.connect({ id, mode: 'rw' });
    const buffer = imported.map({ shared: true, length: PAGE + 4 });
    const view = new Int32Array(buffer);
    await Promise.all([1, 2, 3].map(() => ended(adder(buffer, 10_000))));
    imported.put(0, Int32Array.of(7));
    const got = new Int32Array(2);
    imported.get(0, got);
    const barrier = imported.barrier();
    barrier.open();
    view[2] = 8;
    barrier.close();
    const seen = [...words.subarray(0, 3)];
    const fresh = api.allocate(2 * PAGE);
    new Int32Array(fresh)[0] = 9;
    segment.rebind(fresh);
    const kind = Object.prototype.toString.call(buffer);
    return { kind, bytes: buffer.byteLength - PAGE, seen, got: [...got], rebound: view[0] };
  },

  // It cannot be detached: scratch pages take the place of the mapping.
  async unmapped() {
    words[0] = 5;
    const imported = await controller.connect({ id, mode: 'rw' });
    const first = new Int32Array(imported.map({ shared: true }));
    const before = first[0];
    imported.unmap();
    first[0] = 6;
    const again = new Int32Array(imported.map({ shared: true }));
    const values = { before, length: first.length * 4, exporters: words[0], again: again[0] };
    imported.close();
    again[0] = 7;
    return { ...values, closed: words[0] };
  },

  // The exporter withdraws it under a worker that goes on.
  async aborted() {
    const imported = await controller.connect({ id, mode: 'rw' });
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(
      `const { workerData: { buffer, stop } } = require('node:worker_threads');
       while (Atomics.load(stop, 0) === 0) Atomics.add(new Int32Array(buffer), 1, 1);`,
      { eval: true, workerData: { buffer: imported.map({ shared: true }), stop } },
    );
    while (words[1] === 0) await pause(1);
    segment.close();
    const { code } = await imported.aborted;
    const atAbort = words[1];
    await pause(20);
    Atomics.store(stop, 0, 1);
    await ended(worker);
    return { code, after: words[1] - atAbort };
  },

  // Only another thread has the buffer: the segment stays connected until it is closed.
  async forgotten() {
    let worker;
    {
      const imported = controller.connectSync({ id, mode: 'rw' });
      worker = adder(imported.map({ shared: true }), 3_000_000);
    }
    const gone = ended(worker);
    for (let i = 0; i < 20; i += 1) {
      globalThis.gc();
      await pause(1);
    }
    await gone;
    return { total: words[1], importers: segment.importers };
  },

  // The thread that mapped has ended, its environment too: the buffer lives here until it is collected.
  async outlived() {
    const before = mappings();
    for (let i = 0; i < ROUNDS; i += 1) {
      const worker = mapper();
      const [buffer] = await once(worker, 'message');
      const view = new Int32Array(buffer);
      view[0] = i;
      if (words[0] !== i) throw new Error('not the memory of the exporter');
      await worker.terminate();
      view[0] = -1;
      if (words[0] !== i) throw new Error('still the memory of the exporter');
    }
    return { collected: await collected(before) };
  },

  // The buffer is given back when both the segment has let go and nobody holds it, in either order.
  async collected() {
    const before = mappings();
    for (let i = 0; i < ROUNDS; i += 1) {
      const imported = controller.connectSync({ id, mode: 'rw' });
      await ended(adder(imported.map({ shared: true }), 1));
      imported.close();
    }
    return { collected: await collected(before), total: words[1] };
  },
};

console.log(JSON.stringify(await scenes[process.argv[2]]()));
process.exit(0);
