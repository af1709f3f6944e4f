// The one writer: changes prices as fast as it can, until its input ends.
import { setImmediate } from 'node:timers/promises';
import { allocate, openController } from 'rsmapi';
import { ROWS, SEGMENT_ID, TABLE_BYTES, Table } from './table.mjs';

const BATCH = 2_000;

const controller = openController();
const memory = allocate(TABLE_BYTES);
const segment = controller.createExport(memory, { readOnly: true });
segment.publish({ id: SEGMENT_ID, access: [{ node: controller.nodeId, permission: 0o444 }] });
console.log(`${ROWS} prices`);

let ended = false;
process.stdin.on('end', () => (ended = true)).resume();

const table = new Table(memory);
const random = (below) => Math.floor(Math.random() * below);
let written = 0;
while (!ended) {
  for (let i = 0; i < BATCH; i++) {
    const bid = 10_000 + random(1_000);
    table.write(random(ROWS), [bid, bid + 1 + random(5), random(500), random(500)]);
  }
  written += BATCH;
  await setImmediate(); // the only moments at which anything but the agent of this process gets a turn
}
console.log(`written ${written}`);
segment.close();
controller.close();
