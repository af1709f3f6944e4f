/**
 * The one declaration of what is native. All native functions stand here and nothing else does: system
 * calls, the agent thread and its hand-shakes. They check types and hold no policy; TypeScript decides.
 *
 * A value of the wrong type is a TypeError, and so is an ended record. A segment that has ended, or is
 * another thing, is BAD_SEG_HNDL where a code is returned; elsewhere the call does nothing.
 *
 * Failing functions return an RSMERR code (a number > 0, see `errors.ts`) and change nothing; where a
 * function has a result, the result is not a number. Everything here is for the rooms `drivers` and
 * `node` and the memory functions of `core`; programs never see it.
 */
import { load } from './load.ts';

export {
  type Fabric,
  type FabricAddress,
  type FabricFailure,
  fabric,
  type NativeEndpoint,
  type NativeRemote,
  type NativeTarget,
  type TargetEvent,
} from './fabric.ts';

declare const kind: unique symbol;
/** Opaque native objects. Each belongs to the thread that made it and ends with it at the latest. */
export type NativeRecord = { readonly [kind]: 'record' };
export type NativeExport = { readonly [kind]: 'export' };
export type NativeImport = { readonly [kind]: 'import' };
/** An import as the fabric addon serves it to another node (native/loopback/port.h). */
export type NativePort = { readonly [kind]: 'port' };
/** An RSMERR code; 0 is success. */
export type Code = number;

export interface ConnectRequest {
  /** Where the exporter's agent listens. */
  socketPath: string;
  /** The uid that must be listening there; another one is SEG_NOT_PUBLISHED. */
  owner: number;
  /** The importing node. */
  node: number;
  id: number;
  permission: number;
  timeoutMs: number;
  /** Of a gateway: for whom of `node`, which is another one then, it asks. At most 16 groups. */
  onBehalf?: { uid: number; gid: number; groups: Uint32Array };
}

export interface Connection {
  handle: NativeImport;
  /** The control block, `CONTROL_BYTES` long: see `layout.ts`. Never shown to programs: its second
   * page is read-only and a store to it faults. */
  control: ArrayBuffer;
  byteLength: number;
  uid: number;
  pid: number;
}

export interface Native {
  pageSize(): number;
  /** Whether this is the process's first thread, which runs Node's main one. */
  isMainThread(): boolean;
  /** The process's umask, read without changing it. */
  umask(): number;

  // Memory. `address` arguments are a buffer of this library and a byte offset in it.
  /** flags: 1 huge pages, 2 locked. The buffer has exactly `bytes` bytes; the memory behind it is
   * whole pages. Code: INSUFFICIENT_MEM. */
  allocate(bytes: number, flags: number): ArrayBuffer | Code;
  /** length -1: to the end of the file. `errno`: the name of what the system said, ENOENT; '' if nothing. */
  mapFile(path: string, offset: number, length: number): ArrayBuffer | { code: Code; errno: string };
  attachSystemV(shmid: number): ArrayBuffer | { code: Code; errno: string };
  /** Detaches the buffer. BAD_ADDR: not an allocation of this library; INSUFFICIENT_RESOURCES: exported. */
  release(buffer: ArrayBuffer): Code;
  /** 0 when [offset, offset+length) of the buffer is memory of this library that could be exported now. */
  checkMemory(buffer: unknown, offset: number, length: number, readOnly: boolean): Code;

  // The runtime directory.
  /** OFD lock on the whole file; false after timeoutMs. Throws a system error. */
  lockFile(fd: number, exclusive: boolean, timeoutMs: number): boolean;
  unlockFile(fd: number): void;
  /** Whether somebody else holds a write lock on it. */
  isLocked(fd: number): boolean;
  /** The shared flock(2) that tmp cleaners respect, until fd is closed; false while a cleaner has it. */
  holdDirectory(fd: number): boolean;
  /** Creates `directory/name` (locked) and the listening socket `directory/name.s`. Throws a system
   * error (EEXIST, EACCES, …). Both go with this thread. `node` is this one; `gateway` is the uid that may
   * connect on behalf of users of other nodes, -1 for nobody. */
  openRecord(directory: string, name: string, node: number, gateway: number): NativeRecord;
  /** The header (0) or a chunk of slots (from 1) of the record file, mapped: `record-layout.ts`. Null: there
   * is none. It outlives the record. Never shown to programs. */
  recordPart(record: NativeRecord, part: number): ArrayBuffer | null;
  closeRecord(record: NativeRecord): void;

  /** Shows a segment to readers of the record until it ends. The number of its slot; -1: there is no room,
   * or it is shown already. */
  show(segment: NativeExport | NativeImport, record: NativeRecord): number;
  /** Shows as an import what is none of this addon. `words`: node, id, permission, uid and pid of the owner; 1 where
   * it is for somebody else, and his node and uid. The number of its slot, whose state and counters are the
   * caller's; -1: there is no room. */
  showRemote(record: NativeRecord, words: Uint32Array, length: number): number;
  hideRemote(record: NativeRecord, slot: number): void;

  // Export side. `grants` is the table drawn in native/loopback/access.h.
  /** flags: 1 read-only for ever, 2 lock operations. */
  createExport(buffer: ArrayBuffer, offset: number, length: number, flags: number): NativeExport | Code;
  /** `claim` is the file name of the claim beside the record. SEGID_IN_USE when it exists. */
  publish(segment: NativeExport, record: NativeRecord, id: number, claim: string, grants: Uint32Array): Code;
  republish(segment: NativeExport, grants: Uint32Array): Code;
  unpublish(segment: NativeExport): Code;
  rebind(segment: NativeExport, buffer: ArrayBuffer, offset: number): Code;
  destroyExport(segment: NativeExport): void;
  importers(segment: NativeExport): number;
  /** The access decision for a table and a peer made up by a test: the evaluator itself. */
  decideAccess(
    grants: Uint32Array,
    uid: number,
    gid: number,
    groups: Uint32Array,
    node: number,
    permission: number,
  ): Code;

  // Import side.
  connect(request: ConnectRequest): Connection | Code;
  /** The same on a thread of the pool; `cancel` ends it with INTERRUPTED. A code: it could not begin. */
  connectAsync(request: ConnectRequest): { result: Promise<Connection | Code>; cancel(): void } | Code;
  /** internal: not handed to a program (a read-only System V window is then allowed). fixed: memory of
   * this library to map over; null otherwise. With fixed, the result is `fixed` itself. */
  map(
    segment: NativeImport,
    offset: number,
    length: number,
    permission: number,
    internal: boolean,
    fixed: ArrayBuffer | null,
    fixedOffset: number,
  ): ArrayBuffer | Code;
  /** `map` as a SharedArrayBuffer. Null: this runtime cannot make one of foreign memory. */
  mapShared(
    segment: NativeImport,
    offset: number,
    length: number,
    permission: number,
  ): SharedArrayBuffer | Code | null;
  /** Ends the mapping and detaches `buffer` (null for a fixed or shared one). */
  unmap(segment: NativeImport, buffer: ArrayBuffer | null): void;
  /** Ends the connection; `buffer` as in unmap when it is mapped. */
  disconnect(segment: NativeImport, buffer: ArrayBuffer | null): void;
  /** For the fabric addon: keeps the import, though it may be disconnected. BAD_SEG_HNDL. */
  portOf(segment: NativeImport): NativePort | Code;
  /** Calls back on this thread when an import of this thread is aborted. Does not keep the process alive. */
  onAbort(callback: (segment: NativeImport) => void): void;

  // The gateway's socket.
  /** A descriptor connected to a listening stream socket, non-blocking, the caller's; or a negative errno. */
  dial(path: string, timeoutMs: number): number;
  /** Who is at the other end of a unix socket, or listens there, as the kernel says. Null: it is none. */
  peerOf(fd: number): { uid: number; gid: number; pid: number; groups: Uint32Array } | null;

  // Events of either kind of segment.
  post(segment: NativeExport | NativeImport, noAccumulate: boolean): void;
  /** Consumes one pending event. */
  take(segment: NativeExport | NativeImport): boolean;
  /** Blocks this thread. Milliseconds, -1 for no limit. 0, TIMEOUT, INTERRUPTED, INSUFFICIENT_RESOURCES. */
  wait(segment: NativeExport | NativeImport, timeoutMs: number): Code;
  /** A descriptor of this process that is readable while events are pending; -1: none to be had. */
  eventDescriptor(segment: NativeExport | NativeImport): number;
  /** Calls back on the event loop each time events may be pending; the first call starts it. `alive`:
   * whether it keeps the process alive. callback null stops it. */
  watch(segment: NativeExport | NativeImport, callback: (() => void) | null, alive: boolean): Code;
  /** poll(2) with the masks of design 3.7. fds: triples fd, events, revents. Returns the number of
   * entries ready, or a negative errno. rounds: how often this wait was woken for nothing so far; it naps where that
   * is often. */
  poll(fds: Int32Array, count: number, timeoutMs: number, rounds: number): number;

  // Locks: words in the memory of a segment with lock operations, drawn in native/loopback/layout.h. An
  // offset that is none of such a word is a TypeError.
  /** This side's number in lock words; 0: the segment has no lock operations, or has ended. */
  lockOwner(segment: NativeExport | NativeImport): number;
  /** Asks for a lock that could not be taken. `ticket`: unique among this thread's requests. atOnce: the
   * answer is TIMEOUT when it is not to be had now. CONN_ABORTED, INSUFFICIENT_RESOURCES: too many requests
   * under way; INSUFFICIENT_MEM. A segment that ends gives no answer. */
  requestLock(segment: NativeExport | NativeImport, offset: number, ticket: number, atOnce: boolean): Code;
  /** Gives up; a lock that was granted passes on. No answer comes after it. */
  cancelLock(ticket: number): void;
  /** Frees a word that could not be freed by compare-and-exchange, because somebody waits. */
  releaseLock(segment: NativeExport | NativeImport, offset: number): void;
  /** Blocks until the answer: whether the previous owner died. TIMEOUT and INTERRUPTED give up. -1: no limit. */
  waitLock(ticket: number, timeoutMs: number): boolean | Code;
  /** Calls back on the event loop with the answers that nobody waits for. Does not keep the process alive. */
  onLockAnswer(callback: (ticket: number, answer: boolean | Code) => void): void;
  /** Whether answers to come keep the process alive. */
  awaitLocks(alive: boolean): void;

  /** A call that does nothing: the reference of bench T1. */
  nothing(): void;
}

export const native: Native = load(
  'loopback',
  'rsmapi needs Linux, and --allow-addons where Node runs with --permission. ' +
    'Install a C compiler, make and Python 3, then run `npm run build:native` in the package.',
);
