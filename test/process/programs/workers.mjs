// Scenes with worker_threads: `workers.mjs SCENE`. Prints one line of JSON that says what happened.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);

async function startWorker() {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url));
  await once(worker, 'message');
  const run = async (body, ...args) => {
    worker.postMessage({ body: body.toString(), args });
    const [{ result, error }] = await once(worker, 'message');
    if (error) throw Object.assign(new Error(error), { code: error });
    return result;
  };
  return { worker, run };
}

const exportHere = ({ api, kept }, fill, id) => {
  const memory = api.allocate(8192);
  new Uint8Array(memory).fill(fill);
  kept.segment = kept.controller.createExport(memory, { allowRebind: true });
  kept.memory = memory;
  return kept.segment.publish(id === undefined ? {} : { id });
};
const importHere = async ({ kept }, id) => {
  kept.imported = await kept.controller.connect({ id, mode: 'rw' });
  kept.view = new Uint8Array(kept.imported.map());
  return kept.view[0];
};
const code = async (work) => {
  try {
    await work();
    return 'done';
  } catch (error) {
    return error.code ?? String(error);
  }
};

const scenes = {
  // The first worker starts the agent and goes; the others neither notice nor lose anything.
  async 'first-ends'() {
    const [first, second] = [await startWorker(), await startWorker()];
    const firstId = await first.run(exportHere, 1);
    const secondId = await second.run(exportHere, 2);
    await second.run(importHere, firstId);
    await first.worker.terminate();
    const aborted = await second.run(async ({ kept }) => (await kept.imported.aborted).code);
    const third = await startWorker();
    const seen = await third.run(importHere, secondId);
    await second.run(({ api, kept }) => {
      const memory = api.allocate(8192);
      new Uint8Array(memory).fill(3);
      kept.segment.rebind(memory);
      kept.segment.post();
    });
    await third.run(({ kept }) => kept.imported.wait());
    const rebound = await third.run(({ kept }) => kept.view[0]);
    return { aborted, seen, rebound };
  },

  // Workers come and go in any order while the main thread exports; nothing piles up.
  async 'come-and-go'() {
    const controller = api.openController();
    const memory = api.allocate(8192);
    const segment = controller.createExport(memory);
    const id = segment.publish();
    const workers = [];
    for (let i = 0; i < 6; i += 1) workers.push(await startWorker());
    for (const { run } of workers) await run(importHere, id);
    const counts = [segment.importers];
    for (const index of [3, 0, 5]) await workers[index].worker.terminate();
    while (segment.importers !== 3) await pause(5);
    for (const index of [1, 2, 4]) {
      await workers[index].run(({ kept }, value) => kept.view.fill(value), index);
      counts.push(new Uint8Array(memory)[0]);
    }
    for (const index of [4, 1, 2]) await workers[index].worker.terminate();
    while (segment.importers !== 0) await pause(5);
    const again = await startWorker();
    counts.push(await again.run(importHere, id));
    return { counts };
  },

  // A segment ends with the thread that made it: others are aborted, the id is free.
  async 'segments-end'() {
    const id = 0x600010;
    const exporter = await startWorker();
    await exporter.run(exportHere, 1, id);
    const controller = api.openController();
    const imported = await controller.connect({ id, mode: 'rw' });
    const view = new Uint8Array(imported.map());
    await exporter.worker.terminate();
    const aborted = (await imported.aborted).code;
    view.fill(9);
    const connect = await code(() => controller.connect({ id, mode: 'r' }));
    const segment = controller.createExport(api.allocate(4096));
    return { aborted, connect, published: segment.publish({ id }) === id };
  },

  // terminate() in the middle of a wait, synchronous or awaited, on either side.
  async 'terminate-in-wait'() {
    const controller = api.openController();
    const segment = controller.createExport(api.allocate(4096));
    const id = segment.publish();
    const waits = {
      importSync: ({ kept }) => kept.imported.waitSync(-1),
      importAwait: ({ kept }) => kept.imported.wait(),
      exportSync: ({ kept }) => kept.segment.waitSync(-1),
      exportAwait: ({ kept }) => kept.segment.wait(),
    };
    const exits = {};
    for (const [name, wait] of Object.entries(waits)) {
      const { worker, run } = await startWorker();
      await run(importHere, id);
      await run(exportHere, 1);
      worker.postMessage({ body: wait.toString(), args: [] });
      await pause(50);
      exits[name] = typeof (await worker.terminate());
    }
    while (segment.importers !== 0) await pause(5);
    segment.post();
    return { exits, alive: await code(() => controller.connectSync({ id, mode: 'r' }).close()) };
  },

  // Every worker connects for itself to the same memory: atomic additions of all of them add up.
  async 'shared-by-all'() {
    const controller = api.openController();
    const memory = api.allocate(4096);
    const id = controller.createExport(memory).publish();
    const workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
    await Promise.all(workers.map(({ run }) => run(importHere, id)));
    const add = ({ kept }) => {
      const words = new Int32Array(kept.view.buffer);
      for (let i = 0; i < 100_000; i += 1) Atomics.add(words, 0, 1);
    };
    await Promise.all(workers.map(({ run }) => run(add)));
    return { total: new Int32Array(memory)[0] };
  },

  // terminate() of a worker that waits for a lock, blocking or not, and of the one that has it.
  async locks() {
    const controller = api.openController();
    const segment = controller.createExport(api.allocate(4096), { lockOps: true });
    const id = segment.publish();
    const holder = await startWorker();
    await holder.run(importHere, id);
    await holder.run(async ({ kept }) => {
      kept.held = await kept.imported.lock(0).acquire();
    });
    const waits = {
      acquire: ({ kept }) => kept.imported.lock(0).acquire(),
      acquireSync: ({ kept }) => kept.imported.lock(0).acquireSync(),
    };
    const exits = {};
    for (const [name, wait] of Object.entries(waits)) {
      const { worker, run } = await startWorker();
      await run(importHere, id);
      worker.postMessage({ body: wait.toString(), args: [] });
      while (segment.fetchAdd(0, 0) < 2 ** 31) await pause(1);
      await pause(20);
      exits[name] = typeof (await worker.terminate());
    }
    const wanted = segment.lock(0).acquire();
    await holder.worker.terminate();
    const held = await wanted;
    held.release();
    const next = segment.lock(0).acquireSync().ownerDied;
    return { exits, inherited: held.ownerDied, next };
  },

  // The process exits with workers in the middle of everything.
  async 'exit-with-workers'() {
    const { run, worker } = await startWorker();
    const id = await run(exportHere, 1);
    const other = await startWorker();
    await other.run(importHere, id);
    worker.postMessage({ body: (({ kept }) => kept.segment.waitSync(-1)).toString(), args: [] });
    return { id: id > 0 };
  },
};

console.log(JSON.stringify(await scenes[process.argv[2]]()));
process.exit(0);
