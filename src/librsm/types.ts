/** The types of rsmapi.h (rsmapi.md 3.5–3.7), with their C names. */

declare const kind: unique symbol;
/** Opaque. */
export interface rsmapi_controller_handle_t {
  readonly [kind]: 'controller';
}
/** Opaque. */
export interface rsm_memseg_export_handle_t {
  readonly [kind]: 'export';
}
/** Opaque. */
export interface rsm_memseg_import_handle_t {
  readonly [kind]: 'import';
}
/** Opaque. */
export interface rsm_localmemory_handle_t {
  readonly [kind]: 'localmemory';
}
/** Owned by the caller, opaque to it: `rsmapi_barrier()` makes one. */
export interface rsmapi_barrier_t {
  readonly [kind]: 'barrier';
}

/** 0…63. */
export type rsm_node_id_t = number;
/** Unsigned 32-bit; 0: the system chooses. */
export type rsm_memseg_id_t = number;
/** Octal, as of files. */
export type rsm_permission_t = number;
/** RSM_MAP_NONE or RSM_MAP_FIXED. */
export type rsm_attribute_t = number;
/** RSM_BAR_DEFAULT; others mean the same. */
export type rsm_barrier_type_t = number;
/** RSM_BARRIER_MODE_EXPLICIT or RSM_BARRIER_MODE_IMPLICIT. */
export type rsm_barrier_mode_t = number;
/** A hardware address: 64-bit. */
export type rsm_addr_t = bigint;

/** `void *`: the address is that of the first byte. */
export type Address = ArrayBufferLike | ArrayBufferView;

/** What a controller offers; limits of 0 are none (rsmapi.md 3.6). */
export interface rsmapi_controller_attr_t {
  attr_direct_access_sizes: number;
  attr_atomic_sizes: number;
  /** A mask: bit n stands for pages of 1024 * 2^n bytes. */
  attr_page_size: number;
  attr_max_export_segment_size: number;
  attr_tot_export_segment_size: number;
  attr_max_export_segments: number;
  attr_max_import_map_size: number;
  attr_tot_import_map_size: number;
  attr_max_import_segments: number;
}

/** An entry of an access list. */
export interface rsmapi_access_entry_t {
  ae_node: rsm_node_id_t;
  /** Bits within 0666. */
  ae_permission: rsm_permission_t;
}

/** An entry of a scatter/gather request. */
export interface rsm_iovec_t {
  /** RSM_HANDLE_TYPE or RSM_VA_TYPE. */
  io_type: number;
  local: { handle: rsm_localmemory_handle_t } | { vaddr: Address };
  /** Bytes. */
  local_offset: number;
  remote_offset: number;
  transfer_length: number;
}

/** A scatter/gather request. */
export interface rsm_scat_gath_t {
  local_nodeid: rsm_node_id_t;
  /** 1 … RSM_MAX_SGIOREQS. */
  io_request_count: number;
  /** Written: entries not completed. */
  io_residual_count: number;
  /** RSM_IMPLICIT_SIGPOST, RSM_SIGPOST_NO_ACCUMULATE. */
  flags: number;
  remote_handle: rsm_memseg_import_handle_t;
  iovec: rsm_iovec_t[];
}

/** A snapshot of the interconnect; loopback never appears in it. */
export interface rsm_topology_t {
  topology_hdr: { local_nodeid: rsm_node_id_t; local_cntlr_count: number };
  connections: rsm_connections_t[];
}

/** A controller of this node and whom it reaches. */
export interface rsm_connections_t {
  hdr: { cntlr_name: string; local_hwaddr: rsm_addr_t; remote_cntlr_count: number };
  remote_cntlr: rsm_remote_cntlr_t[];
}

/** A controller of another node. */
export interface rsm_remote_cntlr_t {
  remote_nodeid: rsm_node_id_t;
  remote_cntlrname: string;
  remote_hwaddr: rsm_addr_t;
  /** RSM_CONNECTION_ACTIVE: may be used. */
  connection_state: number;
}

/** As poll(2) has it. */
export interface pollfd {
  fd: number;
  events: number;
  revents: number;
}
