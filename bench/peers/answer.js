/** The answering side of exchange.js on segment NODE ID with payloads of BYTES: `spin`, `waitSync`, `wait`. */
import { openController } from '../../dist/api/index.js';
import { answering } from '../exchange.js';
import { serve } from '../harness.js';

const [node, id, bytes] = process.argv.slice(2).map(Number);
const segment = openController().connectSync({ node, id, mode: 'rw' });
const side = answering(segment.map(), bytes);
let turn = 0;

const answer = {
  spin(count) {
    for (let i = 0; i < count; i += 1) {
      turn += 1;
      side.spin(turn);
      side.answer(turn);
    }
  },
  waitSync(count) {
    for (let i = 0; i < count; i += 1) {
      segment.waitSync();
      turn += 1;
      side.answer(turn);
      segment.post();
    }
  },
  async wait(count) {
    for (let i = 0; i < count; i += 1) {
      await segment.wait();
      turn += 1;
      side.answer(turn);
      segment.post();
    }
  },
};

// After the answer has left: the rounds begin as soon as the other side has it.
serve('ready', ({ how, count }) => void setImmediate(() => answer[how](count)));
