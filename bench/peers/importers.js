/** Many importers of one segment in one process: NODE. Does what each message says. */
import { openController } from '../../dist/api/index.js';
import { nanosecondsEach, serve } from '../harness.js';
import { collect } from '../proc.js';

const node = Number(process.argv[2]);
const controller = openController();
const open = [];

serve({ pid: process.pid }, async ({ connect, id, reconnect, drain, close }) => {
  if (connect !== undefined) {
    return nanosecondsEach(connect, (count) => {
      for (let i = 0; i < count; i += 1) open.push(controller.connectSync({ node, id, mode: 'rw' }));
    });
  }
  if (reconnect !== undefined) {
    return nanosecondsEach(reconnect, (count) => {
      for (let i = 0; i < count; i += 1) controller.connectSync({ node, id, mode: 'rw' }).close();
    });
  }
  if (drain) for (const segment of open) while (segment.waitSync(0));
  if (close) {
    closeAll();
    await collect();
  }
});

/** By itself: a frame that waits keeps what it has looped over from being collected. */
function closeAll() {
  for (const segment of open.splice(0)) segment.close();
}
