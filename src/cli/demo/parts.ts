/** How the demo divides a file among importers, and what a part's contents amount to. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

export interface Part {
  from: number;
  to: number;
}

/** Bytes of one importer's result in the results segment: a digest and a time, in a cache line of its own. */
export const RESULT_BYTES = 64;
export const DIGEST_BYTES = 32;
const CHUNK_BYTES = 16 * 1024 * 1024;

/** Equal parts; of a very small file some are empty. */
export function divide(lengthBytes: number, count: number): Part[] {
  const border = (index: number): number => Math.floor((lengthBytes * index) / count);
  return Array.from({ length: count }, (_, index) => ({ from: border(index), to: border(index + 1) }));
}

export function digestOf(bytes: Uint8Array): Buffer {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) hash.update(bytes.subarray(at, at + CHUNK_BYTES));
  return hash.digest();
}

/** The digests of the parts as the disk has them, by reading: nothing of RSM is involved. */
export function digestsOfFile(path: string, parts: Part[]): Buffer[] {
  const file = openSync(path, 'r');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  try {
    return parts.map((part) => {
      const hash = createHash('sha256');
      for (let at = part.from; at < part.to; ) {
        const count = readSync(file, chunk, 0, Math.min(CHUNK_BYTES, part.to - at), at);
        if (count === 0) break;
        hash.update(chunk.subarray(0, count));
        at += count;
      }
      return hash.digest();
    });
  } finally {
    closeSync(file);
  }
}

/** Processor time since then: what a process waited for a core says nothing about how its bytes came. */
export function cpuMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** An importer's line in the results segment, written there by put. */
export function encodeResult(digest: Buffer, hashingMs: number): Uint8Array {
  const line = Buffer.alloc(RESULT_BYTES);
  digest.copy(line);
  line.writeDoubleLE(hashingMs, DIGEST_BYTES);
  return line;
}

export interface Result {
  digest: Buffer;
  hashingMs: number;
}

export function decodeResult(memory: ArrayBuffer, index: number): Result {
  const line = Buffer.from(memory, index * RESULT_BYTES, RESULT_BYTES);
  return { digest: Buffer.from(line.subarray(0, DIGEST_BYTES)), hashingMs: line.readDoubleLE(DIGEST_BYTES) };
}
