// Workers of workers.test.ts: each reaches another node in a way of its own until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { openController } from '../../dist/api/index.js';

const { config, id, what } = workerData;
const controller = openController('ofi0', { config });
const segment = controller.connectSync({ node: 1, id, mode: 'rw' });
const bytes = new Uint8Array(65536);

async function forever(step) {
  for (;;) await step();
}

parentPort.postMessage('ready');
switch (what) {
  case 'put':
    for (;;) segment.put(0, bytes);
  case 'unchecked':
    segment.barrier().open();
    for (;;) segment.put(0, bytes.subarray(0, 8));
  case 'waitSync':
    segment.waitSync();
    break;
  case 'lock':
    segment.lock(0).acquireSync();
    segment.lock(0).acquire();
    break;
  case 'async':
    for (let i = 0; i < 50; i++) void forever(() => segment.getAsync(0, bytes));
    break;
  case 'connect':
    await forever(async () => (await controller.connect({ node: 1, id })).close());
    break;
  case 'events':
    for await (const _ of segment.events()) segment.post();
    break;
  case 'exit':
    void segment.putAsync(0, bytes);
    process.exit();
}
