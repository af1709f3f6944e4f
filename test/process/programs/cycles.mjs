// Runs with --expose-gc: makes, uses and closes segments, `cycles.mjs COUNT`, and prints what the process
// holds before and after, as JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);
const controller = api.openController();

function holds() {
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
    threads: readdirSync('/proc/self/task').length,
    sharedKiB: Number(/^RssShmem:\s+(\d+)/m.exec(status)[1]),
  };
}

async function cycles(count) {
  for (let i = 0; i < count; i += 1) {
    const memory = api.allocate(16_384);
    const segment = controller.createExport(memory, { allowRebind: true });
    const id = segment.publish();
    const imported =
      i % 2 === 0 ? controller.connectSync({ id, mode: 'rw' }) : await controller.connect({ id, mode: 'rw' });
    if (i % 3 === 0) new Uint8Array(imported.map({ offset: 4096, length: 4096 })).fill(i);
    else imported.put(100, new Uint8Array(16));
    imported.post();
    segment.waitSync(0);
    if (i % 5 === 0) {
      const other = api.allocate(16_384);
      segment.rebind(other);
      segment.close();
      api.release(other);
      imported.close();
    } else {
      imported.close();
      segment.close();
    }
    api.release(memory);
    // Buffers are unmapped by their finalizers, which run on the event loop.
    if (i % 100 === 0) await collect();
  }
  await collect();
}

async function collect() {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc();
    await pause(10);
  }
}

await cycles(100);
const before = holds();
await cycles(Number(process.argv[2]));
console.log(JSON.stringify({ before, after: holds() }));
