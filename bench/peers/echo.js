/**
 * Answers each post to segment NODE ID with a post, COUNT times per message, in the way that HOW says; where it blocks,
 * not before PAUSENS have passed.
 */
import { openController } from '../../dist/api/index.js';
import { busyFor, serve } from '../harness.js';

const [node, id] = process.argv.slice(2, 4).map(Number);
const segment = openController().connectSync({ node, id, mode: 'rw' });
const echo = {
  async waitSync(count, pauseNs = 0) {
    for (let i = 0; i < count; i += 1) {
      segment.waitSync();
      busyFor(pauseNs);
      segment.post();
    }
  },
  async wait(count) {
    for (let i = 0; i < count; i += 1) {
      await segment.wait();
      segment.post();
    }
  },
  async events(count) {
    let left = count;
    if (left === 0) return;
    for await (const _ of segment.events()) {
      segment.post();
      left -= 1;
      if (left === 0) return;
    }
  },
}[process.argv[4]];

// After the answer has left: the rounds begin as soon as the other side has it.
serve('ready', ({ count, pauseNs }) => void setImmediate(() => echo(count, pauseNs)));
