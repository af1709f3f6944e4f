/** The sides of questions/locks.js beside its own: `exporter`, or `importer NODE ID`. */
import { allocate, openController } from '../../dist/api/index.js';
import { serve } from '../harness.js';

const [role, node, id] = process.argv.slice(2);
const controller = openController();
if (role === 'exporter') {
  const segment = controller.createExport(allocate(4096), { lockOps: true });
  serve({ node: controller.nodeId, id: segment.publish() }, () => null);
} else {
  const segment = controller.connectSync({ node: Number(node), id: Number(id) });
  const times = new BigInt64Array(segment.map());
  const lock = segment.lock(0);
  const [GO, DONE, TAKEN] = [8, 16, 24];
  serve('ready', ({ count }) => {
    // After the answer has left: the rounds begin as soon as the other side has it.
    setImmediate(() => {
      for (let i = 1n; i <= count; i += 1n) {
        while (Atomics.load(times, GO) !== i);
        const held = lock.acquireSync();
        Atomics.store(times, TAKEN, process.hrtime.bigint());
        held.release();
        Atomics.store(times, DONE, i);
      }
    });
  });
}
