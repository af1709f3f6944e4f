/**
 * The words of a connection's control block that TypeScript reads: indices into an `Int32Array` over it.
 * Drawn in `native/loopback/layout.h`; a test compares the two.
 */
export const CONTROL_BYTES: number = 3 * 4096;
/** LOCAL.state: written by this process's agent. */
export const LOCAL_STATE: number = 0;
/** STATUS.state: written by the exporter. */
export const STATUS_STATE: number = (4096 + 8) / 4;
/** STATUS.rebind_epoch: how often the memory was exchanged. */
export const STATUS_REBIND_EPOCH: number = (4096 + 12) / 4;
/** Both states while the connection is whole. */
export const CONNECTED: number = 1;
/** Either, when the exporter has withdrawn the segment or is gone. */
export const WITHDRAWN: number = 2;
/** In a lock word: somebody waits, and only the exporter changes it. */
export const LOCK_CONTENDED: number = 0x8000_0000;
