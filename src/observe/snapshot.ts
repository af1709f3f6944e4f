/**
 * What the records of a node show, read without disturbing anybody and also when a process hangs. Between
 * users it is hearsay: a record says what its user wrote.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { describeResult } from '../errors.ts';
import { CONNECTED } from '../native/layout.ts';
import {
  CONNECTION,
  EXPORT,
  EXPORT_COUNTERS,
  EXPORT_READ_ONLY,
  HEADER,
  IMPORT,
  IMPORT_COUNTERS,
  REFUSAL_CODES,
  SHOWN_ENTRIES,
  SLOT,
  SLOT_CONNECTION,
  SLOT_EXPORT,
  SLOT_IMPORT,
} from '../native/record-layout.ts';
import { liveRecords } from '../node/index.ts';
import { commandOf } from './command.ts';
import { groupBy } from './group.ts';
import { read, readFields, readHeader, readSlots, type Values } from './slots.ts';

/** A thread that has segments. */
export interface Participant {
  /** The user, who owns the record. */
  uid: number;
  pid: number;
  /** 0 is the main thread. */
  thread: number;
  /** The command line; undefined: the process is not to be seen here, or is another user's. */
  command: string | undefined;
  node: number;
  started: Date;
  /** Of max-segments and max-exported-memory. */
  reserved: { segments: number; bytes: number };
  /** Connects it refused, by the name of the code. */
  refusals: Record<string, number>;
}

export interface Importer {
  node: number;
  uid: number;
  pid: number;
  command: string | undefined;
  permission: number;
  since: Date;
}

export interface ExportView {
  /** Names the segment in every snapshot of its node, and no other one. */
  key: string;
  owner: Participant;
  /** undefined: not published. */
  id: number | undefined;
  byteLength: number;
  readOnly: boolean;
  created: Date;
  published: Date | undefined;
  /** Of a published segment. Entries beyond the first 8 are only counted. */
  access: { count: number; defaultPermission: number; entries: { node: number; permission: number }[] };
  /** How many; `importers` lacks those that had no room in the record. */
  importerCount: number;
  importers: Importer[];
  counters: Values<typeof EXPORT_COUNTERS>;
}

export interface ImportView {
  /** Names the connection in every snapshot of its node, and no other one. */
  key: string;
  /** Of another node: shown by the gateway on its behalf, and its process is not known (0). */
  importer: Participant;
  /** It goes to another node, or comes from there. */
  remote: boolean;
  node: number;
  id: number;
  permission: number;
  byteLength: number;
  /** The exporting process. */
  owner: { uid: number; pid: number };
  /** false: the exporter has withdrawn the segment, or is gone. */
  connected: boolean;
  /** undefined: not mapped. */
  mapped: { offset: number; length: number } | undefined;
  since: Date;
  counters: Values<typeof IMPORT_COUNTERS>;
}

export interface Snapshot {
  taken: Date;
  /** The same moment by a clock that never jumps: what two snapshots of a process are apart. */
  clockMs: number;
  participants: Participant[];
  exports: ExportView[];
  imports: ImportView[];
}

/**
 * Looks at a node; nothing is made or changed there.
 * @param directory the runtime directory
 * @throws RsmError INSUFFICIENT_RESOURCES: out of descriptors
 */
export function snapshot(directory: string): Snapshot {
  const clockMs = performance.now();
  const seen: Snapshot = { taken: new Date(), clockMs, participants: [], exports: [], imports: [] };
  for (const { uid, name, fd } of liveRecords(join(directory, 'u'))) {
    const header = readHeader(fd);
    if (header === undefined) continue;
    const participant = participantOf(uid, header);
    seen.participants.push(participant);
    addSlots(seen, participant, `${uid}/${name}`, readSlots(fd, header));
  }
  return seen;
}

function addSlots(
  seen: Snapshot,
  participant: Participant,
  record: string,
  slots: Map<number, DataView>,
): void {
  // A slot is used again after its segment.
  const keyOf = (number: number, slot: DataView) => `${record}/${number}/${sinceOf(slot).getTime()}`;
  const ofKind = (kind: number) =>
    [...slots].filter(([, slot]) => read(slot, SLOT.kind.offset, 'u32') === kind);
  const connections = groupBy(ofKind(SLOT_CONNECTION), ([, slot]) => readFields(slot, CONNECTION).exportSlot);
  for (const [number, slot] of ofKind(SLOT_EXPORT)) {
    const key = keyOf(number, slot);
    const importers = (connections.get(number) ?? []).map(([, connection]) => importerOf(connection));
    seen.exports.push({ key, ...exportOf(participant, slot, importers) });
  }
  for (const [number, slot] of ofKind(SLOT_IMPORT)) {
    seen.imports.push({ key: keyOf(number, slot), ...importOf(participant, slot) });
  }
}

function participantOf(uid: number, header: DataView): Participant {
  const { pid, thread, node, startedMs, reservedSegments, reservedBytes } = readFields(header, HEADER);
  const refusals: Record<string, number> = {};
  for (let code = 0; code < REFUSAL_CODES; code += 1) {
    const count = read(header, HEADER.refusals.offset + code * 8, 'u64');
    if (count > 0) refusals[describeResult(code)?.name ?? String(code)] = count;
  }
  const reserved = { segments: reservedSegments, bytes: reservedBytes };
  return {
    uid,
    pid,
    thread,
    command: commandOf(pid, uid),
    node,
    started: dateOf(startedMs),
    reserved,
    refusals,
  };
}

function importerOf(slot: DataView): Importer {
  const { node, uid, pid, permission } = readFields(slot, CONNECTION);
  return { node, uid, pid, command: commandOf(pid, uid), permission, since: sinceOf(slot) };
}

function exportOf(owner: Participant, slot: DataView, importers: Importer[]): Omit<ExportView, 'key'> {
  const values = readFields(slot, EXPORT);
  const entries = Array.from({ length: Math.min(values.accessCount, SHOWN_ENTRIES) }, (_, index) => {
    const at = EXPORT.access.offset + index * 8;
    return { node: read(slot, at, 'u32'), permission: read(slot, at + 4, 'u32') };
  });
  return {
    owner,
    id: values.id === 0 ? undefined : values.id,
    byteLength: values.lengthBytes,
    readOnly: (values.flags & EXPORT_READ_ONLY) !== 0,
    created: sinceOf(slot),
    published: values.publishedMs === 0 ? undefined : dateOf(values.publishedMs),
    access: { count: values.accessCount, defaultPermission: values.defaultPermission, entries },
    importerCount: values.importers,
    importers,
    counters: readFields(slot, EXPORT_COUNTERS),
  };
}

function importOf(importer: Participant, slot: DataView): Omit<ImportView, 'key'> {
  const { node, id, permission, lengthBytes, ...values } = readFields(slot, IMPORT);
  const { mapOffset: offset, mapLength: length } = values;
  const { onBehalf, importerNode, importerUid, remote } = values;
  return {
    // Of a process elsewhere only that is known, and not its number.
    importer:
      onBehalf === 0
        ? importer
        : { ...importer, uid: importerUid, pid: 0, node: importerNode, command: undefined },
    remote: remote !== 0,
    node,
    id,
    permission,
    byteLength: lengthBytes,
    owner: { uid: values.ownerUid, pid: values.ownerPid },
    connected: values.state === CONNECTED,
    mapped: length === 0 ? undefined : { offset, length },
    since: sinceOf(slot),
    counters: readFields(slot, IMPORT_COUNTERS),
  };
}

function sinceOf(slot: DataView): Date {
  return dateOf(read(slot, SLOT.sinceMs.offset, 'u64'));
}

/** Never an invalid one, whatever somebody wrote. */
function dateOf(ms: number): Date {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}
