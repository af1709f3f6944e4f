/** Connects to segment ID of node 1, by the configuration CONFIG; each message is a sample: nanoseconds each. */
import { setTimeout } from 'node:timers/promises';
import { openController } from '../../dist/api/index.js';
import { nanosecondsEach, pipelined, serve } from '../harness.js';

delete process.env.RSM_RUNTIME_DIR;
const [config, id] = process.argv.slice(2);
const controller = openController('ofi0', { config });
const target = { node: 1, id: Number(id), mode: 'rw' };
const imported = await connected();
const barrier = imported.barrier();
const word = new BigUint64Array(1);
const line = new Uint8Array(64);
const IN_A_SPAN = 1_000;
const WINDOW = 16;
let blocks = [];

/** Once the gateways have a link. */
async function connected() {
  for (;;) {
    try {
      return await controller.connect(target);
    } catch (error) {
      if (!error.retryable) throw error;
      await setTimeout(50);
    }
  }
}

const each = (call) => (count) =>
  nanosecondsEach(count, (times) => {
    for (let i = 0; i < times; i += 1) call();
  });

/** WINDOW transfers under way until `count` are done. */
function windowed(bytes, count, transfer) {
  if (blocks[0]?.length !== bytes)
    blocks = Array.from({ length: WINDOW }, () => new Uint8Array(bytes).fill(7));
  return pipelined(WINDOW, count, (lane) => transfer(lane * bytes, blocks[lane]));
}

const samples = {
  put: each(() => imported.put(8, word)),
  get: each(() => imported.get(8, word)),
  putLine: each(() => imported.put(64, line)),
  getLine: each(() => imported.get(64, line)),
  add: each(() => imported.fetchAdd(64, 1n)),
  wake: each(() => {
    imported.put(8, word);
    imported.post();
    imported.waitSync();
  }),
  connect: each(() => controller.connectSync(target).close()),
  puts(count) {
    const spans = Math.ceil(count / IN_A_SPAN);
    return nanosecondsEach(spans * IN_A_SPAN, () => {
      for (let span = 0; span < spans; span += 1) {
        barrier.open();
        for (let i = 0; i < IN_A_SPAN; i += 1) imported.put(8 * (i % 512), word);
        barrier.close();
      }
    });
  },
  putAwaited: (count) => pipelined(1, count, () => imported.putAsync(64, line)),
  getAwaited: (count) => pipelined(1, count, () => imported.getAsync(64, line)),
  write: (count, bytes) => windowed(bytes, count, (at, block) => imported.putAsync(at, block)),
  read: (count, bytes) => windowed(bytes, count, (at, block) => imported.getAsync(at, block)),
};

serve('ready', ({ what, count, bytes }) => samples[what](count, bytes));
