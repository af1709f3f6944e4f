// A consumer: looks at every frame, for so long, and counts what it missed. `viewer.mjs [MS A FRAME]`
import { setTimeout as sleep } from 'node:timers/promises';
import { openController } from 'rsmapi';
import { PIXELS, Ring, SEGMENT_ID } from './ring.mjs';

const lookMs = Number(process.argv[2] ?? 0);
const REPORT_FRAMES = 50;

const controller = openController();
const segment = await controller.connect({ id: SEGMENT_ID, mode: 'r' });
const ring = new Ring(segment.map());
const frame = new Uint8Array(PIXELS);
const first = ring.latest + 1;
let next = first;
let seen = 0;
let broken = 0;
console.log(`watching from frame ${first}`);

const counts = () => `seen ${seen} lost ${next - first - seen} broken ${broken}`;

/** Looks at all frames that are there. */
async function watch() {
  while (segment.connected && next <= ring.latest) {
    if (next < ring.oldest) next = ring.oldest; // overrun: the camera has overtaken us
    const whole = ring.read(next, frame);
    if (!segment.connected) return; // the camera is gone, and what was read was nobody's memory
    next += 1;
    if (!whole) continue;
    seen += 1;
    if (frame.some((pixel) => pixel !== ((next - 1) & 0xff))) broken += 1;
    if (seen % REPORT_FRAMES === 0) console.log(counts());
    await sleep(lookMs);
  }
}

segment.aborted.then(() => segment.close()); // ends the loop below
for await (const _ of segment.events()) await watch();
console.log(`the camera has gone: ${counts()}`);
controller.close();
