/**
 * Reads the slots of a record that its process goes on writing. Whoever wrote the file may be hostile: all
 * that is believed is what the table says, and how much is read has a limit.
 */
import { fstatSync, readSync } from 'node:fs';
import {
  CHUNK_BYTES,
  CHUNK_SLOTS,
  type Field,
  HEADER,
  HEADER_BYTES,
  MAX_CHUNKS,
  RECORD_MAGIC,
  RECORD_VERSION,
  SLOT,
  SLOT_BYTES,
} from '../native/record-layout.ts';

/** A slot whose identity changed each time it was read, or is being changed by a process that hangs. */
const ATTEMPTS = 4;

/** Values by the names of a table. */
export type Values<T extends Record<string, Field>> = { -readonly [K in keyof T]: number };

export function readFields<T extends Record<string, Field>>(bytes: DataView, table: T): Values<T> {
  const values = Object.entries(table).map(([name, { offset, type }]) => [name, read(bytes, offset, type)]);
  return Object.fromEntries(values) as Values<T>;
}

export function read(bytes: DataView, offset: number, type: Field['type']): number {
  if (type === 'u32') return bytes.getUint32(offset, true);
  if (type === 'u64') return Number(bytes.getBigUint64(offset, true));
  const value = bytes.getFloat64(offset, true);
  return Number.isFinite(value) ? value : 0;
}

/** The header of a record; undefined: the file is none, or of another version. */
export function readHeader(fd: number): DataView | undefined {
  const header = readAt(fd, 0, HEADER_BYTES);
  if (header === undefined) return undefined;
  const known =
    read(header, HEADER.magic.offset, 'u32') === RECORD_MAGIC &&
    read(header, HEADER.version.offset, 'u32') === RECORD_VERSION;
  return known ? header : undefined;
}

/** The slots in use, by number. One that cannot be read whole is left out. */
export function readSlots(fd: number, header: DataView): Map<number, DataView> {
  const said = Math.floor(read(header, HEADER.slotCount.offset, 'u32') / CHUNK_SLOTS);
  const there = Math.floor((fstatSync(fd).size - HEADER_BYTES) / CHUNK_BYTES);
  const slots = new Map<number, DataView>();
  for (let chunk = 0; chunk < Math.min(said, there, MAX_CHUNKS); chunk += 1) {
    const found = readChunk(fd, HEADER_BYTES + chunk * CHUNK_BYTES);
    for (const [index, slot] of found.entries()) {
      if (slot !== undefined && read(slot, SLOT.kind.offset, 'u32') !== 0) {
        slots.set(chunk * CHUNK_SLOTS + index, slot);
      }
    }
  }
  return slots;
}

/** Three times in a row: what was read second is whole where the sequence is even and the same around it. */
function readChunk(fd: number, at: number): (DataView | undefined)[] {
  const slots: (DataView | undefined)[] = Array.from({ length: CHUNK_SLOTS });
  for (let attempt = 0; attempt < ATTEMPTS && slots.includes(undefined); attempt += 1) {
    const [before, bytes, after] = [0, 1, 2].map(() => readAt(fd, at, CHUNK_BYTES));
    if (!before || !bytes || !after) break;
    for (let index = 0; index < CHUNK_SLOTS; index += 1) {
      const sequenceAt = index * SLOT_BYTES + SLOT.sequence.offset;
      const sequence = read(before, sequenceAt, 'u32');
      if (sequence % 2 === 0 && sequence === read(after, sequenceAt, 'u32')) {
        slots[index] ??= new DataView(bytes.buffer, index * SLOT_BYTES, SLOT_BYTES);
      }
    }
  }
  return slots;
}

/** undefined: the file ends before, or cannot be read. */
function readAt(fd: number, at: number, length: number): DataView | undefined {
  const bytes = new DataView(new ArrayBuffer(length));
  try {
    return readSync(fd, bytes, 0, length, at) === length ? bytes : undefined;
  } catch {
    return undefined;
  }
}
