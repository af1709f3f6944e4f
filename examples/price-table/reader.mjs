// A reader: reads rows in turn and verifies each. `reader.mjs [READS]`; without a number until the writer goes.
import { setImmediate } from 'node:timers/promises';
import { openController } from 'rsmapi';
import { ROWS, SEGMENT_ID, Table } from './table.mjs';

const BATCH = 2_000;
const limit = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);

const controller = openController();
const segment = await controller.connect({ id: SEGMENT_ID, mode: 'r' });
const table = new Table(segment.map());
const barrier = segment.barrier();
const counts = { read: 0, repeated: 0, wrong: 0 };

/** The rows of one batch, or the error that says that they were nobody's. */
function read() {
  let [repeated, wrong] = [0, 0];
  barrier.open();
  for (let i = 0; i < BATCH; i++) {
    const row = table.read((counts.read + i) % ROWS);
    if (row === undefined) break; // half written for ever: the barrier tells whether the writer is gone
    repeated += row.attempts - 1;
    if (!row.whole || row.values[0] > row.values[1]) wrong += 1;
  }
  barrier.close();
  counts.read += BATCH;
  counts.repeated += repeated;
  counts.wrong += wrong;
}

try {
  while (counts.read < limit) {
    read();
    if (counts.read === BATCH) console.log('reading');
    await setImmediate();
  }
} catch (error) {
  console.log(`the writer has gone: ${error.code}`);
}
console.log(`read ${counts.read} repeated ${counts.repeated} wrong ${counts.wrong}`);
segment.close();
controller.close();
