// The example of the RSMAPI guide with objects. librsm.mjs beside it is the same in librsm calls.
import { allocate, openController, release } from 'rsmapi';
import { RSM_CONNECTION_ACTIVE } from 'rsmapi/librsm';
import { answered, lines, main, PERMISSION, read, SEGMENT_BYTES, SEGMENT_ID, write } from './message.mjs';

async function exporter(node) {
  const controller = route(node);
  const local = controller.nodeId;
  const { pageSizes } = controller.attributes;
  console.log(`${controller.name}: pages of ${1024 * (pageSizes & -pageSizes)} bytes`);

  const memory = allocate(SEGMENT_BYTES);
  const segment = controller.createExport(memory);
  const access = [...new Set([local, node])].map((id) => ({ node: id, permission: PERMISSION }));
  segment.publish({ id: SEGMENT_ID, access });
  console.log(`published ${local}:0x${SEGMENT_ID.toString(16)}`);

  for await (const _ of segment.events()) {
    const text = read(memory);
    console.log(`received: ${text}`);
    segment.post();
    if (text === '') break;
  }

  segment.close();
  release(memory);
  controller.close();
}

async function importer(node) {
  const controller = route(node);
  const segment = await controller.connect({ node, id: SEGMENT_ID, mode: 'rw' });
  const memory = segment.map();
  const barrier = segment.barrier();

  for await (const line of lines()) {
    barrier.open();
    write(memory, line);
    barrier.close();
    segment.post();
    await segment.wait({ timeoutMs: 10_000 });
    console.log(`sent: ${line}${answered(memory) ? '' : ' (not read)'}`);
    if (line === '') break;
  }

  segment.close();
  controller.close();
}

/** The controller that leads to the node. */
function route(node) {
  const loopback = openController();
  if (node === loopback.nodeId) return loopback;
  const { controllers } = loopback.topology();
  loopback.close();
  const leads = (remote) => remote.node === node && remote.state === RSM_CONNECTION_ACTIVE;
  const controller = controllers.find(({ remotes }) => remotes.some(leads));
  if (!controller) throw new Error(`no controller leads to node ${node}`);
  return openController(controller.name);
}

await main(exporter, importer);
