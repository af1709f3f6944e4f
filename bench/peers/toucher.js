/** An importer of NODE ID that touches every page of its mapping when it is asked. */
import { openController } from '../../dist/api/index.js';
import { serve } from '../harness.js';

const [node, id] = process.argv.slice(2).map(Number);
const bytes = new Uint8Array(openController().connectSync({ node, id, mode: 'rw' }).map());

serve('ready', () => {
  for (let at = 0; at < bytes.length; at += 4096) bytes[at] = 1;
});
