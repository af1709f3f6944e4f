/**
 * Errors are data: the one table of result codes (rsmapi.md 3.1) and the one error class. Codes from 101
 * on belong to the provider interface; programs see of them only BAD_ARGS_ERRORS.
 */
export const RSM_SUCCESS = 0;
export const RSMERR_BAD_LIBRARY_VERSION = 1;
export const RSMERR_BAD_TOPOLOGY_PTR = 2;
export const RSMERR_BAD_CTLR_HNDL = 3;
export const RSMERR_CTLR_NOT_PRESENT = 4;
export const RSMERR_BAD_SEG_HNDL = 5;
export const RSMERR_SEG_ALREADY_PUBLISHED = 6;
export const RSMERR_SEG_NOT_PUBLISHED = 7;
export const RSMERR_SEG_NOT_PUBLISHED_TO_NODE = 8;
export const RSMERR_SEG_ALREADY_MAPPED = 9;
export const RSMERR_SEG_STILL_MAPPED = 10;
export const RSMERR_SEG_NOT_MAPPED = 11;
export const RSMERR_NOT_CREATOR = 12;
export const RSMERR_BAD_BARRIER_PTR = 13;
export const RSMERR_BAD_SGIO = 14;
export const RSMERR_BAD_LOCALMEM_HNDL = 15;
export const RSMERR_BAD_ADDR = 16;
export const RSMERR_BAD_MEM_ALIGNMENT = 17;
export const RSMERR_BAD_OFFSET = 18;
export const RSMERR_MISALIGNED_OFFSET = 19;
export const RSMERR_BAD_LENGTH = 20;
export const RSMERR_BAD_ACL = 21;
export const RSMERR_BAD_SEGID = 22;
export const RSMERR_RESERVED_SEGID = 23;
export const RSMERR_SEGID_IN_USE = 24;
export const RSMERR_BAD_MODE = 25;
export const RSMERR_BAD_PERMS = 26;
export const RSMERR_PERM_DENIED = 27;
export const RSMERR_LOCKS_NOT_SUPPORTED = 28;
export const RSMERR_LOCKS_NOT_ENABLED = 29;
export const RSMERR_REBIND_NOT_ALLOWED = 30;
export const RSMERR_INSUFFICIENT_RESOURCES = 31;
export const RSMERR_INSUFFICIENT_MEM = 32;
export const RSMERR_MAP_FAILED = 33;
export const RSMERR_POLLFD_IN_USE = 34;
export const RSMERR_BARRIER_UNINITIALIZED = 35;
export const RSMERR_BARRIER_OPEN_FAILED = 36;
export const RSMERR_BARRIER_NOT_OPENED = 37;
export const RSMERR_BARRIER_FAILURE = 38;
export const RSMERR_REMOTE_NODE_UNREACHABLE = 39;
export const RSMERR_CONN_ABORTED = 40;
export const RSMERR_INTERRUPTED = 41;
export const RSMERR_TIMEOUT = 42;
export const RSMERR_BAD_APPID = 43;
export const RSMERR_BAD_CONF = 44;
export const RSMERR_SEG_NOT_CONNECTED = 45;
export const RSMERR_INTERNAL_ERROR = 100;
export const RSMERR_BAD_DRIVER_VERSION = 101;
export const RSMERR_UNSUPPORTED_VERSION = 102;
export const RSMERR_DRIVER_NAME_IN_USE = 103;
export const RSMERR_DRIVER_NOT_REGISTERED = 104;
export const RSMERR_DRIVER_THREAD_RUNNING = 105;
export const RSMERR_NEED_THREAD_INIT = 106;
export const RSMERR_THREAD_NOT_INITED = 107;
export const RSMERR_CTLRS_REGISTERED = 108;
export const RSMERR_CTLR_NOT_REGISTERED = 109;
export const RSMERR_CTLR_ALREADY_REGISTERED = 110;
export const RSMERR_CTLR_IN_USE = 111;
export const RSMERR_NAME_TOO_LONG = 112;
export const RSMERR_SEG_PUBLISHED = 113;
export const RSMERR_SEG_NOT_PUBLISHED_TO_RSM_ADDR = 114;
export const RSMERR_SEG_IN_USE = 115;
export const RSMERR_BAD_SENDQ_HNDL = 116;
export const RSMERR_BAD_ARGS_ERRORS = 117;
export const RSMERR_BAD_MSTYPE = 118;
export const RSMERR_NO_BACKING_MEM = 119;
export const RSMERR_NOT_MEM = 120;
export const RSMERR_MEM_ALREADY_BOUND = 121;
export const RSMERR_MEM_NOT_BOUND = 122;
export const RSMERR_HANDLER_NOT_REGISTERED = 123;
export const RSMERR_NO_HANDLER = 124;
export const RSMERR_UNBIND_REBIND_NOT_ALLOWED = 125;
export const RSMERR_CALLBACKS_NOT_SUPPORTED = 126;
export const RSMERR_UNSUPPORTED_OPERATION = 127;
export const RSMERR_RSM_ADDR_UNREACHABLE = 128;
export const RSMERR_UNKNOWN_RSM_ADDR = 129;
export const RSMERR_BAD_BARRIER_HNDL = 130;
export const RSMERR_COMM_ERR_MAYBE_DELIVERED = 131;
export const RSMERR_COMM_ERR_NOT_DELIVERED = 132;
export const RSMERR_QUEUE_FENCE_UP = 133;
export const RSMERR_QUEUE_FULL = 134;

/** What a result code means. */
export interface ResultCode {
  /** `RSMERR_SEG_NOT_PUBLISHED`, … */
  readonly name: string;
  /** For a person: what is wrong and what to do. */
  readonly sentence: string;
  /** Whether the same call may succeed later without a change in the program. */
  readonly retryable: boolean;
}

const RETRYABLE = true;
const table: ReadonlyMap<number, ResultCode> = new Map([
  row({ RSM_SUCCESS }, 'Success.'),
  row(
    { RSMERR_BAD_LIBRARY_VERSION },
    'The controller driver was made for another version of this library: install versions that match.',
  ),
  row({ RSMERR_BAD_TOPOLOGY_PTR }, 'There is no place to store the topology: pass an Out object.'),
  row(
    { RSMERR_BAD_CTLR_HNDL },
    'This is not an open controller: get one first, and do not use it after its last release.',
  ),
  row(
    { RSMERR_CTLR_NOT_PRESENT },
    'There is no such controller, or it does not reach that node: check the name and the node id.',
  ),
  row(
    { RSMERR_BAD_SEG_HNDL },
    'This is not a live segment of the kind that is needed: it may be closed already.',
  ),
  row(
    { RSMERR_SEG_ALREADY_PUBLISHED },
    'The segment is published already: unpublish it first, or republish to change its access list.',
  ),
  row(
    { RSMERR_SEG_NOT_PUBLISHED },
    'No segment is published under this id: check the id, or try again when its exporter has published it.',
    RETRYABLE,
  ),
  row(
    { RSMERR_SEG_NOT_PUBLISHED_TO_NODE },
    'The access list of the segment does not name this node: its exporter must add it.',
  ),
  row(
    { RSMERR_SEG_ALREADY_MAPPED },
    'The segment is mapped already (a put or get maps it too): unmap it first, or connect once more.',
  ),
  row({ RSMERR_SEG_STILL_MAPPED }, 'The segment is still mapped: unmap it first.'),
  row({ RSMERR_SEG_NOT_MAPPED }, 'The segment is not mapped: there is nothing to unmap.'),
  row({ RSMERR_NOT_CREATOR }, 'Only the process that created the segment may do this.'),
  row({ RSMERR_BAD_BARRIER_PTR }, 'This is not a barrier: pass what rsmapi_barrier() returned.'),
  row(
    { RSMERR_BAD_SGIO },
    'The scatter/gather request is malformed: 1 to 16 entries, each of a known type with a live local handle.',
  ),
  row(
    { RSMERR_BAD_LOCALMEM_HNDL },
    'This is not a local-memory handle of this controller: it may be freed already.',
  ),
  row(
    { RSMERR_BAD_ADDR },
    'There is no usable memory at this address: pass a buffer of this library that is large enough and not detached.',
  ),
  row(
    { RSMERR_BAD_MEM_ALIGNMENT },
    'An address, length or offset is misaligned: segments need whole pages, items their own size.',
  ),
  row(
    { RSMERR_BAD_OFFSET },
    'The transfer leaves the segment or its mapped window: check offset and length.',
  ),
  row({ RSMERR_MISALIGNED_OFFSET }, 'The offset is misaligned.'),
  row({ RSMERR_BAD_LENGTH }, 'The length is zero, too large, or reaches beyond the end: pass one that fits.'),
  row(
    { RSMERR_BAD_ACL },
    'The access list is not valid: node ids this controller reaches, permissions within 0666, not too many entries.',
  ),
  row(
    { RSMERR_BAD_SEGID },
    'This is not a segment id: pass an unsigned 32-bit number, 0 to have one chosen.',
  ),
  row(
    { RSMERR_RESERVED_SEGID },
    'The segment id is reserved: choose one from 0x400000 to 0x7FFFFFFF, or 0 to have one chosen.',
  ),
  row(
    { RSMERR_SEGID_IN_USE },
    'Another segment of this node is published under this id: choose another one.',
  ),
  row({ RSMERR_BAD_MODE }, 'The barrier mode is not RSM_BARRIER_MODE_EXPLICIT or RSM_BARRIER_MODE_IMPLICIT.'),
  row(
    { RSMERR_BAD_PERMS },
    'The permission is not valid here: a part of 0600, and no more than was connected with.',
  ),
  row(
    { RSMERR_PERM_DENIED },
    'Permission denied: connect with the mode you need, and ask the exporter to grant it.',
  ),
  row(
    { RSMERR_LOCKS_NOT_SUPPORTED },
    'This controller has no lock operations: create the segment without them.',
  ),
  row(
    { RSMERR_LOCKS_NOT_ENABLED },
    'The segment was not created for lock operations: its exporter must ask for them at create (RSM_LOCK_OPS).',
  ),
  row(
    { RSMERR_REBIND_NOT_ALLOWED },
    'The segment was created without RSM_ALLOW_REBIND (allowRebind): create it with that.',
  ),
  row(
    { RSMERR_INSUFFICIENT_RESOURCES },
    'Out of segments, descriptors, mappings or threads: close some, or raise the limits.',
    RETRYABLE,
  ),
  row(
    { RSMERR_INSUFFICIENT_MEM },
    'Out of memory, of lockable memory, or of the quota for exported memory: free some, or raise the limits.',
    RETRYABLE,
  ),
  row({ RSMERR_MAP_FAILED }, 'The segment cannot be mapped this way: use put and get.'),
  row({ RSMERR_POLLFD_IN_USE }, 'The descriptor of the segment is still in use: release each pollfd first.'),
  row(
    { RSMERR_BARRIER_UNINITIALIZED },
    'There is no initialised barrier: init one, or set the explicit barrier mode.',
  ),
  row({ RSMERR_BARRIER_OPEN_FAILED }, 'The barrier could not be opened.', RETRYABLE),
  row({ RSMERR_BARRIER_NOT_OPENED }, 'The barrier is not open: open it first, and close it once.'),
  row(
    { RSMERR_BARRIER_FAILURE },
    'An access since the barrier was opened failed: repeat them all.',
    RETRYABLE,
  ),
  row(
    { RSMERR_REMOTE_NODE_UNREACHABLE },
    'The exporter does not answer: try again, and check that its node and process are alive.',
    RETRYABLE,
  ),
  row(
    { RSMERR_CONN_ABORTED },
    'The exporter withdrew the segment or is gone: close this connection and connect again.',
  ),
  row({ RSMERR_INTERRUPTED }, 'The call was interrupted before it was done: call again.', RETRYABLE),
  row({ RSMERR_TIMEOUT }, 'Nothing happened within the time given: wait again, or longer.', RETRYABLE),
  row(
    { RSMERR_BAD_APPID },
    'The segment-id file has no line for this application: ask the administrator for a range.',
  ),
  row(
    { RSMERR_BAD_CONF },
    'A configuration file (rsm.toml or rsm.segmentid) is missing or malformed: mend the line that is named.',
  ),
  row({ RSMERR_SEG_NOT_CONNECTED }, 'The segment is not connected.'),
  row(
    { RSMERR_INTERNAL_ERROR },
    'Something that cannot happen has happened: please report it with what the program did.',
  ),
  row({ RSMERR_BAD_DRIVER_VERSION }, 'The driver is of another interface version.'),
  row({ RSMERR_UNSUPPORTED_VERSION }, 'The interface version is not supported.'),
  row({ RSMERR_DRIVER_NAME_IN_USE }, 'A driver of this name is registered already.'),
  row({ RSMERR_DRIVER_NOT_REGISTERED }, 'No driver of this name is registered.'),
  row({ RSMERR_DRIVER_THREAD_RUNNING }, 'The thread of the driver is running.'),
  row({ RSMERR_NEED_THREAD_INIT }, 'The thread must be initialised first.'),
  row({ RSMERR_THREAD_NOT_INITED }, 'The thread is not initialised.'),
  row({ RSMERR_CTLRS_REGISTERED }, 'The driver still has controllers.'),
  row({ RSMERR_CTLR_NOT_REGISTERED }, 'The controller is not registered.'),
  row({ RSMERR_CTLR_ALREADY_REGISTERED }, 'The controller is registered already.'),
  row({ RSMERR_CTLR_IN_USE }, 'The controller is in use.'),
  row({ RSMERR_NAME_TOO_LONG }, 'The name is too long.'),
  row({ RSMERR_SEG_PUBLISHED }, 'The segment is published.'),
  row({ RSMERR_SEG_NOT_PUBLISHED_TO_RSM_ADDR }, 'The segment is not published to this address.'),
  row({ RSMERR_SEG_IN_USE }, 'The segment is in use.'),
  row({ RSMERR_BAD_SENDQ_HNDL }, 'This is not a send queue.'),
  row(
    { RSMERR_BAD_ARGS_ERRORS },
    'An argument is not valid: pass an array of { fd, events, revents }, its length and a time-out in ms.',
  ),
  row({ RSMERR_BAD_MSTYPE }, 'The memory type is not valid.'),
  row({ RSMERR_NO_BACKING_MEM }, 'There is no memory behind the segment.'),
  row({ RSMERR_NOT_MEM }, 'This is not memory.'),
  row({ RSMERR_MEM_ALREADY_BOUND }, 'Memory is bound already.'),
  row({ RSMERR_MEM_NOT_BOUND }, 'Memory is not bound.'),
  row({ RSMERR_HANDLER_NOT_REGISTERED }, 'The handler is not registered.'),
  row({ RSMERR_NO_HANDLER }, 'There is no handler.'),
  row({ RSMERR_UNBIND_REBIND_NOT_ALLOWED }, 'The segment allows neither unbind nor rebind.'),
  row({ RSMERR_CALLBACKS_NOT_SUPPORTED }, 'Callbacks are not supported.'),
  row({ RSMERR_UNSUPPORTED_OPERATION }, 'The operation is not supported.'),
  row({ RSMERR_RSM_ADDR_UNREACHABLE }, 'The address is not reachable.', RETRYABLE),
  row({ RSMERR_UNKNOWN_RSM_ADDR }, 'The address is not known.'),
  row({ RSMERR_BAD_BARRIER_HNDL }, 'This is not a barrier.'),
  row({ RSMERR_COMM_ERR_MAYBE_DELIVERED }, 'The message may or may not have been delivered.', RETRYABLE),
  row({ RSMERR_COMM_ERR_NOT_DELIVERED }, 'The message was not delivered.', RETRYABLE),
  row({ RSMERR_QUEUE_FENCE_UP }, 'The queue is fenced.', RETRYABLE),
  row({ RSMERR_QUEUE_FULL }, 'The queue is full.', RETRYABLE),
]);

/** `constant` is one of the constants above, as `{ RSMERR_X }`: so its name is written once. */
function row(constant: Record<string, number>, sentence: string, retryable = false): [number, ResultCode] {
  const [name, code] = Object.entries(constant)[0] as [string, number];
  return [code, { name, sentence, retryable }];
}

/** All codes with their numbers, in ascending order. */
export function resultCodes(): IterableIterator<[number, ResultCode]> {
  return table.entries();
}

/** What a code means; undefined for a number that is none. */
export function describeResult(code: number): ResultCode | undefined {
  return table.get(code);
}

/** What every function of this library throws. `code` and `result` are stable, the message is for people. */
export class RsmError extends Error {
  /** `RSMERR_SEG_NOT_PUBLISHED`, …: the same names as librsm. */
  readonly code: string;
  /** The librsm result code. */
  readonly result: number;
  /** `connect`, `publish`, … */
  readonly operation: string;
  /** Whether the same call may succeed later without a change in the program. */
  readonly retryable: boolean;
  readonly #brand = true;

  constructor(code: number, operation: string, detail?: string, options?: { cause?: unknown }) {
    const known = table.get(code);
    const name = known?.name ?? `RSMERR_${code}`;
    super(`${operation}: ${detail ?? known?.sentence ?? 'unknown result code'} (${name})`, options);
    this.name = 'RsmError';
    this.code = name;
    this.result = code;
    this.operation = operation;
    this.retryable = known?.retryable ?? false;
  }

  /** Asks nothing of the value itself: what a program throws may be a proxy that throws again. */
  static is(value: unknown): value is RsmError {
    return typeof value === 'object' && value !== null && #brand in value && value.#brand;
  }
}
