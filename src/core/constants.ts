/** The constants of rsmapi.md 3.2 and 3.3, with the names of the C header. */

// Flags of export_create.
export const RSM_ALLOW_REBIND = 0x01;
export const RSM_CREATE_SEG_DONTWAIT = 0x02;
/** Named in the manual, defined in no header: a private value (D-27). */
export const RSM_LOCK_OPS = 0x04;

// Flags of posts and of scatter/gather requests.
export const RSM_IMPLICIT_SIGPOST = 0x01;
export const RSM_SIGPOST_NO_ACCUMULATE = 0x02;

// io_type of a scatter/gather entry.
export const RSM_HANDLE_TYPE = 0x01;
export const RSM_VA_TYPE = 0x02;
export const RSM_MAX_SGIOREQS = 16;

// Connect and map modes.
export const RSM_PERM_NONE = 0;
export const RSM_PERM_READ = 0o400;
export const RSM_PERM_WRITE = 0o200;
export const RSM_PERM_RDWR = 0o600;

// Permissions of access lists.
export const RSM_ACCESS_READ = 0o444;
export const RSM_ACCESS_WRITE = 0o222;
export const RSM_ACCESS_TRUSTED = 0o666;

// rsm_attribute_t.
export const RSM_MAP_NONE = 0x0;
export const RSM_MAP_FIXED = 0x1;
export const RSM_MAP_RESERVED = 0x2;

// rsm_barrier_mode_t: mind the order.
export const RSM_BARRIER_MODE_EXPLICIT = 0;
export const RSM_BARRIER_MODE_IMPLICIT = 1;

// rsm_barrier_type_t: not examined, every barrier spans its segment (D-21).
export const RSM_BARRIER_SEGMENT = 0x01;
export const RSM_BARRIER_NODE = 0x02;
export const RSM_BARRIER_SEGMENT_THREAD = 0x11;
export const RSM_BARRIER_NODE_THREAD = 0x12;
export const RSM_BAR_DEFAULT = 0x01;

// rsm_access_size_t: bit n stands for accesses of 2^n bytes.
export const RSM_DAS8 = 1;
export const RSM_DAS16 = 2;
export const RSM_DAS32 = 4;
export const RSM_DAS64 = 8;

/** `connection_state` of a topology entry that may be used. */
export const RSM_CONNECTION_ACTIVE = 3;
export const RSM_VERSION = 5;
export const RSM_LIB_VERSION = 1;
export const RSM_LIB_FUNCS_VERSION = 1;

/** The event of segment descriptors; Linux's value. */
export const POLLRDNORM = 0x40;
/** Of controller names, with the terminator. */
export const MAXNAMELEN = 256;

// Segment-id ranges.
export const RSM_DRIVER_PRIVATE_ID_BASE = 0;
export const RSM_DRIVER_PRIVATE_ID_END = 0x0fffff;
export const RSM_CLUSTER_TRANSPORT_ID_BASE = 0x100000;
export const RSM_CLUSTER_TRANSPORT_ID_END = 0x1fffff;
export const RSM_RSMLIB_ID_BASE = 0x200000;
export const RSM_RSMLIB_ID_END = 0x2fffff;
export const RSM_DLPI_ID_BASE = 0x300000;
export const RSM_DLPI_ID_END = 0x3fffff;
export const RSM_HPC_ID_BASE = 0x400000;
export const RSM_HPC_ID_END = 0x4fffff;
export const RSM_OPS_ID_BASE = 0x500000;
export const RSM_OPS_ID_END = 0x5fffff;
/** Despite its name the range from which ids are chosen when 0 is published (D-24). */
export const RSM_USER_APP_ID_BASE = 0x80000000;
export const RSM_USER_APP_ID_END = 0xffffffff;
