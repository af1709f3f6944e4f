/** Publishes BYTES of memory and stays. */
import { allocate, openController } from '../../dist/api/index.js';
import { serve } from '../harness.js';

const controller = openController();
const segment = controller.createExport(allocate(Number(process.argv[2])));
serve({ node: controller.nodeId, id: segment.publish() }, () => {});
