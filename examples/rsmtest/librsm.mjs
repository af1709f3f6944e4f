// The example of the RSMAPI guide in librsm calls. api.mjs beside it is the same with objects.
import * as rsm from 'rsmapi/librsm';
import { answered, lines, main, PERMISSION, read, SEGMENT_BYTES, SEGMENT_ID, write } from './message.mjs';

const { out, rsmapi_barrier, valloc } = rsm;

async function exporter(node) {
  const { name, local } = route(node);
  const controller = out();
  must(rsm.rsm_get_controller(name, controller), 'get_controller');
  const attributes = out();
  must(rsm.rsm_get_controller_attr(controller.value, attributes), 'get_controller_attr');
  const { attr_page_size } = attributes.value;
  console.log(`${name}: pages of ${1024 * (attr_page_size & -attr_page_size)} bytes`);

  const memory = valloc(SEGMENT_BYTES);
  const segment = out();
  must(rsm.rsm_memseg_export_create(controller.value, segment, memory, SEGMENT_BYTES, 0), 'create');
  const access = [...new Set([local, node])].map((ae_node) => ({ ae_node, ae_permission: PERMISSION }));
  must(rsm.rsm_memseg_export_publish(segment.value, out(SEGMENT_ID), access, access.length), 'publish');
  console.log(`published ${local}:0x${SEGMENT_ID.toString(16)}`);

  for (let text = '-'; text !== ''; ) {
    must(rsm.rsm_intr_signal_wait(segment.value, -1), 'signal_wait');
    text = read(memory);
    console.log(`received: ${text}`);
    must(rsm.rsm_intr_signal_post(segment.value, 0), 'signal_post');
  }

  must(rsm.rsm_memseg_export_unpublish(segment.value), 'unpublish');
  must(rsm.rsm_memseg_export_destroy(segment.value), 'destroy');
  must(rsm.rsm_release_controller(controller.value), 'release_controller');
}

async function importer(node) {
  const { name } = route(node);
  const controller = out();
  must(rsm.rsm_get_controller(name, controller), 'get_controller');
  const segment = out();
  must(
    rsm.rsm_memseg_import_connect(controller.value, node, SEGMENT_ID, rsm.RSM_PERM_RDWR, segment),
    'connect',
  );
  const address = out();
  must(
    rsm.rsm_memseg_import_map(segment.value, address, rsm.RSM_MAP_NONE, rsm.RSM_PERM_RDWR, 0, SEGMENT_BYTES),
    'map',
  );
  const barrier = rsmapi_barrier();
  must(rsm.rsm_memseg_import_init_barrier(segment.value, rsm.RSM_BAR_DEFAULT, barrier), 'init_barrier');

  for await (const line of lines()) {
    must(rsm.rsm_memseg_import_open_barrier(barrier), 'open_barrier');
    write(address.value, line);
    must(rsm.rsm_memseg_import_close_barrier(barrier), 'close_barrier');
    must(rsm.rsm_intr_signal_post(segment.value, 0), 'signal_post');
    must(rsm.rsm_intr_signal_wait(segment.value, 10_000), 'signal_wait');
    console.log(`sent: ${line}${answered(address.value) ? '' : ' (not read)'}`);
    if (line === '') break;
  }

  must(rsm.rsm_memseg_import_destroy_barrier(barrier), 'destroy_barrier');
  must(rsm.rsm_memseg_import_unmap(segment.value), 'unmap');
  must(rsm.rsm_memseg_import_disconnect(segment.value), 'disconnect');
  must(rsm.rsm_release_controller(controller.value), 'release_controller');
}

/** The local node, and the controller that leads to the other one. */
function route(node) {
  const topology = out();
  must(rsm.rsm_get_interconnect_topology(topology), 'get_interconnect_topology');
  const { topology_hdr, connections } = topology.value;
  rsm.rsm_free_interconnect_topology(topology.value);
  const leads = ({ remote_nodeid, connection_state }) =>
    remote_nodeid === node && connection_state === rsm.RSM_CONNECTION_ACTIVE;
  const connection = connections.find(({ remote_cntlr }) => remote_cntlr.some(leads));
  const local = topology_hdr.local_nodeid;
  if (node !== local && !connection) throw new Error(`no controller leads to node ${node}`);
  return { local, name: node === local ? 'loopback' : connection.hdr.cntlr_name };
}

function must(result, call) {
  if (result === rsm.RSM_SUCCESS) return;
  const name = Object.entries(rsm).find(([key, code]) => key.startsWith('RSMERR_') && code === result)?.[0];
  throw new Error(`${call}: ${name}`);
}

await main(exporter, importer);
