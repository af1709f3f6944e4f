/** Publishes LENGTH bytes to node 2, by the configuration CONFIG, and answers COUNT events per message while asleep. */
import { allocate, openController } from '../../dist/api/index.js';
import { serve } from '../harness.js';

delete process.env.RSM_RUNTIME_DIR;
const [config, length] = process.argv.slice(2);
const controller = openController('ofi0', { config });
const segment = controller.createExport(allocate(Number(length)), { lockOps: true });
const id = segment.publish({ access: [{ node: 2, permission: 0o666 }] });

function echo(count) {
  for (let i = 0; i < count; i += 1) {
    segment.waitSync();
    segment.post();
  }
}

serve({ id }, ({ count }) => void setImmediate(() => echo(count)));
