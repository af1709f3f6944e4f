/** T3: two processes that spin on two words of one segment. */
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, line, nanosecondsEach, peer, reference } from '../harness.js';

export const id = 'T3';
export const question = 'ping-pong through two mapped cache lines, spinning, against the same in C';

const LINE_WORDS = 16;

export async function run({ smoke, rounds, buildDirectory }, report) {
  const count = smoke ? 100 : 200_000;
  const pingPong = reference('ping-pong', buildDirectory);
  const controller = openController();
  const memory = allocate(4096);
  const segment = controller.createExport(memory);
  const other = await peer('ping-pong', controller.nodeId, segment.publish(), LINE_WORDS);
  const words = new Int32Array(memory);
  const found = await alternate(rounds, {
    ours: async () => {
      words.fill(0);
      await other.ask({ count });
      return nanosecondsEach(count, (times) => {
        for (let i = 1; i <= times; i += 1) {
          Atomics.store(words, 0, i);
          while (Atomics.load(words, LINE_WORDS) !== i);
        }
      });
    },
    c: () => pingPong(count),
  });
  await other.end();
  controller[Symbol.dispose]();
  report(
    line({ name: 'round trip', unit: 'ns', ours: found.ours, reference: found.c, target: { atMost: 1.5 } }),
  );
}
