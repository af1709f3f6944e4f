// The producer: paints frames into the ring until its input ends. `camera.mjs [FRAMES A SECOND]`
import { setInterval } from 'node:timers/promises';
import { allocate, openController } from 'rsmapi';
import { RING_BYTES, Ring, SEGMENT_ID } from './ring.mjs';

const rate = Number(process.argv[2] ?? 30);
const controller = openController();
const memory = allocate(RING_BYTES);
const segment = controller.createExport(memory, { readOnly: true }); // viewers only look
segment.publish({ id: SEGMENT_ID, access: [{ node: controller.nodeId, permission: 0o444 }] });
console.log(`filming at ${rate} frames a second`);

const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();

const ring = new Ring(memory);
try {
  for await (const _ of setInterval(1000 / rate, undefined, { signal: stop.signal })) {
    ring.write((pixels, number) => pixels.fill(number));
    segment.post({ accumulate: false }); // whoever is behind already needs no second event
  }
} catch (error) {
  if (error.name !== 'AbortError') throw error;
}
console.log(`filmed ${ring.latest}`);
segment.close();
controller.close();
