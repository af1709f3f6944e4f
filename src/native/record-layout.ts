/**
 * The fields of a record file: what a process shows of itself, its segments and its importers. Drawn in
 * `native/loopback/record_layout.h`; a test compares the two. Readers and docs/reference/counters.md are
 * made from these tables.
 */
export type FieldType = 'u32' | 'u64' | 'f64';

export interface Field {
  /** In the header, or in a slot. */
  readonly offset: number;
  readonly type: FieldType;
  /** For people; empty where it is no business of theirs. */
  readonly says: string;
}

export const RECORD_MAGIC = 0x724d5352;
export const RECORD_VERSION = 2;
export const HEADER_BYTES = 4096;
export const SLOT_BYTES = 256;
export const CHUNK_SLOTS = 128;
export const CHUNK_BYTES: number = CHUNK_SLOTS * SLOT_BYTES;
export const MAX_CHUNKS = 512;
/** Refused connects by code: as many u64 from `HEADER.refusals` on. */
export const REFUSAL_CODES = 64;
/** Of an access list: pairs of u32, node and permission, from `EXPORT.access` on. */
export const SHOWN_ENTRIES = 8;

/** Kinds of slots. */
export const SLOT_EXPORT = 1;
export const SLOT_IMPORT = 2;
export const SLOT_CONNECTION = 3;
/** A bit of `EXPORT.flags`. */
export const EXPORT_READ_ONLY = 1;

export const HEADER = {
  magic: { offset: 0, type: 'u32', says: '' },
  version: { offset: 4, type: 'u32', says: '' },
  pid: { offset: 8, type: 'u32', says: 'the process' },
  thread: { offset: 12, type: 'u32', says: 'its thread; 0 is the main one' },
  startedMs: { offset: 16, type: 'u64', says: 'when it began to use the node' },
  node: { offset: 24, type: 'u32', says: 'its node id' },
  slotCount: { offset: 28, type: 'u32', says: '' },
  reservedSegments: {
    offset: 32,
    type: 'u32',
    says: 'what it holds of `max-segments`, some of it in advance',
  },
  reservedBytes: {
    offset: 40,
    type: 'u64',
    says: 'what it holds of `max-exported-memory`; 0 where there is no limit',
  },
  refusals: { offset: 64, type: 'u64', says: 'connects that its agent refused, by result code' },
} as const;

/** Of every slot. */
export const SLOT = {
  sequence: { offset: 0, type: 'u32', says: '' },
  kind: { offset: 4, type: 'u32', says: '' },
  sinceMs: { offset: 8, type: 'u64', says: 'when the segment was created, or the connection made' },
} as const;

export const EXPORT = {
  id: { offset: 16, type: 'u32', says: 'the segment id; 0: not published' },
  flags: { offset: 20, type: 'u32', says: '1: read-only for ever' },
  lengthBytes: { offset: 24, type: 'u64', says: 'the length of the segment' },
  publishedMs: { offset: 32, type: 'u64', says: 'when it was published; 0: it is not' },
  importers: { offset: 40, type: 'u32', says: 'how many connections there are' },
  defaultPermission: { offset: 44, type: 'u32', says: 'the permission where the access list is empty' },
  accessCount: { offset: 48, type: 'u32', says: 'how long the access list is' },
  access: { offset: 56, type: 'u32', says: 'the first 8 entries of the access list' },
} as const;

export const EXPORT_COUNTERS = {
  connects: { offset: 128, type: 'u64', says: 'connections made since it was created' },
  refusals: { offset: 136, type: 'u64', says: 'connects refused, because of access or a shortage' },
  rebinds: { offset: 144, type: 'u64', says: 'exchanges of its memory' },
  aborts: { offset: 152, type: 'u64', says: 'importers cut off: they did not answer, or broke the protocol' },
  posts: {
    offset: 160,
    type: 'u64',
    says: 'events posted to the importers; one for all of them counts once',
  },
  waits: { offset: 168, type: 'u64', says: 'events of importers that a wait has consumed' },
} as const;

export const IMPORT = {
  node: { offset: 16, type: 'u32', says: 'of the exporter' },
  id: { offset: 20, type: 'u32', says: 'the segment id' },
  permission: { offset: 24, type: 'u32', says: 'what was connected with: 0400, 0200 or 0600' },
  state: {
    offset: 28,
    type: 'u32',
    says: '1: connected; 2: the exporter has withdrawn the segment, or is gone',
  },
  ownerUid: { offset: 32, type: 'u32', says: 'the user of the exporting process' },
  ownerPid: { offset: 36, type: 'u32', says: 'the exporting process' },
  lengthBytes: { offset: 40, type: 'u64', says: 'the length of the segment' },
  mapOffset: { offset: 48, type: 'u64', says: 'where the mapped window begins' },
  mapLength: { offset: 56, type: 'u64', says: 'how long it is; 0: not mapped' },
  onBehalf: {
    offset: 64,
    type: 'u32',
    says: '1: it is the gateway’s, which connected for a process of another node',
  },
  importerNode: { offset: 68, type: 'u32', says: 'then: the node of that process' },
  importerUid: { offset: 72, type: 'u32', says: 'then: its user, as the gateway over there says' },
  remote: { offset: 76, type: 'u32', says: '1: it goes to another node, or comes from there' },
} as const;

/** Those of transfers are doubles, because TypeScript adds to them on its way: `TRANSFER_COUNTERS`. */
export const IMPORT_COUNTERS = {
  puts: { offset: 128, type: 'f64', says: 'puts that were done; each entry of a vector is one' },
  bytesPut: { offset: 136, type: 'f64', says: 'their bytes; stores into a mapping are not seen' },
  gets: { offset: 144, type: 'f64', says: 'gets that were done' },
  bytesGot: { offset: 152, type: 'f64', says: 'their bytes' },
  barriersFailed: {
    offset: 160,
    type: 'f64',
    says: 'barriers, and transfers in implicit mode, that met a broken connection',
  },
  rebinds: { offset: 168, type: 'u64', says: 'exchanges of the memory seen' },
  posts: { offset: 176, type: 'u64', says: 'events posted to the exporter' },
  waits: { offset: 184, type: 'u64', says: 'events of the exporter that a wait has consumed' },
} as const;

/** Doubles in a row, from `IMPORT_COUNTERS.puts` on. */
export const TRANSFER_COUNTERS = 5;
/** `posts` and `waits`, which stand behind one another. */
export const EVENT_COUNTERS = 2;

export const CONNECTION = {
  exportSlot: { offset: 16, type: 'u32', says: '' },
  node: { offset: 20, type: 'u32', says: 'of the importer' },
  permission: { offset: 24, type: 'u32', says: 'what it was granted' },
  uid: { offset: 28, type: 'u32', says: 'its user, from the kernel' },
  pid: { offset: 32, type: 'u32', says: 'its process, from the kernel' },
} as const;
