/** The other side of questions/ping-pong.js: NODE ID LINE_WORDS. */
import { openController } from '../../dist/api/index.js';
import { serve } from '../harness.js';

const [node, id, lineWords] = process.argv.slice(2).map(Number);
const words = new Int32Array(openController().connectSync({ node, id, mode: 'rw' }).map());

serve('ready', ({ count }) => {
  // After the answer has left: the rounds begin as soon as the other side has it.
  setImmediate(() => {
    for (let i = 1; i <= count; i += 1) {
      while (Atomics.load(words, 0) !== i);
      Atomics.store(words, lineWords, i);
    }
  });
});
