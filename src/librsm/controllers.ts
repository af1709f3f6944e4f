/** Controllers, topology and segment-id ranges (rsmapi.md 2.1–2.3). */
import { Controller, readLocalTopology, segmentIdRange, type Topology } from '../core/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_CTLR_HNDL, RSMERR_BAD_TOPOLOGY_PTR } from '../errors.ts';
import { call, checkPointer, type Out, store, storeMade } from './call.ts';
import type { rsm_topology_t, rsmapi_controller_attr_t, rsmapi_controller_handle_t } from './types.ts';

/**
 * One more reference to a controller; null is loopback. BAD_CTLR_HNDL, BAD_ADDR, CTLR_NOT_PRESENT, BAD_CONF,
 * INSUFFICIENT_RESOURCES.
 */
export function rsm_get_controller(name: string | null, controller: Out<rsmapi_controller_handle_t>): number {
  return call(() => {
    checkPointer('get_controller', RSMERR_BAD_CTLR_HNDL, controller);
    const got = Controller.get(name);
    storeMade('get_controller', RSMERR_BAD_CTLR_HNDL, controller, got, () => got.release());
  });
}

/** BAD_CTLR_HNDL, BAD_ADDR (C-013). */
export function rsm_get_controller_attr(
  chdl: rsmapi_controller_handle_t,
  attr: Out<rsmapi_controller_attr_t>,
): number {
  return call(() => {
    const { attributes } = Controller.from(chdl, 'get_controller_attr').driver;
    store('get_controller_attr', RSMERR_BAD_ADDR, attr, {
      attr_direct_access_sizes: attributes.directAccessSizes,
      attr_atomic_sizes: attributes.atomicSizes,
      attr_page_size: attributes.pageSizes,
      attr_max_export_segment_size: attributes.maxExportSegmentSize,
      attr_tot_export_segment_size: attributes.totExportSegmentSize,
      attr_max_export_segments: attributes.maxExportSegments,
      attr_max_import_map_size: attributes.maxImportMapSize,
      attr_tot_import_map_size: attributes.totImportMapSize,
      attr_max_import_segments: attributes.maxImportSegments,
    });
  });
}

/** Every get needs one release. BAD_CTLR_HNDL (C-012). */
export function rsm_release_controller(chdl: rsmapi_controller_handle_t): number {
  return call(() => Controller.from(chdl, 'release_controller').release());
}

/** A snapshot. BAD_TOPOLOGY_PTR (C-015), BAD_CONF. */
export function rsm_get_interconnect_topology(topology: Out<rsm_topology_t>): number {
  return call(() => {
    store('get_interconnect_topology', RSMERR_BAD_TOPOLOGY_PTR, topology, undefined);
    const read = topologyOf(readLocalTopology());
    store('get_interconnect_topology', RSMERR_BAD_TOPOLOGY_PTR, topology, read);
  });
}

/** Nothing to do: the collector takes it. Here so that ported programs read the same. */
export function rsm_free_interconnect_topology(_topology: rsm_topology_t | null): void {}

/** The ids set aside for an application. BAD_ADDR, BAD_CONF, BAD_APPID. */
export function rsm_get_segmentid_range(appid: string, baseid: Out<number>, length: Out<number>): number {
  const operation = 'get_segmentid_range';
  return call(() => {
    checkPointer(operation, RSMERR_BAD_ADDR, baseid);
    checkPointer(operation, RSMERR_BAD_ADDR, length);
    const range = segmentIdRange(appid);
    store(operation, RSMERR_BAD_ADDR, baseid, range.base);
    store(operation, RSMERR_BAD_ADDR, length, range.length);
  });
}

function topologyOf({ nodeId, controllers }: Topology): rsm_topology_t {
  return {
    topology_hdr: { local_nodeid: nodeId, local_cntlr_count: controllers.length },
    connections: controllers.map(({ name, hardwareAddress, remotes }) => ({
      hdr: { cntlr_name: name, local_hwaddr: hardwareAddress, remote_cntlr_count: remotes.length },
      remote_cntlr: remotes.map((remote) => ({
        remote_nodeid: remote.node,
        remote_cntlrname: remote.name,
        remote_hwaddr: remote.hardwareAddress,
        connection_state: remote.state,
      })),
    })),
  };
}
