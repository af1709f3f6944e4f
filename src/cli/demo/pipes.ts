/** The same hand-over without RSM: every part goes through the standard input of a child process. */
import { performance } from 'node:perf_hooks';
import type { Crew } from './crew.ts';
import type { Part } from './parts.ts';

export interface Measured {
  digests: Buffer[];
  timeMs: number;
  /** Processor time of the member that needed most. */
  hashingMs: number;
}

/** From the word to begin to the last digest; the processes are there before. */
export async function handOverByPipes(crew: Crew, memory: Uint8Array, parts: Part[]): Promise<Measured> {
  const readers = parts.map(() => crew.join('reader'));
  await Promise.all(readers.map((reader) => reader.hear('ready')));

  const begin = performance.now();
  const results = await Promise.all(
    readers.map(async (reader, index) => {
      const part = parts[index]!;
      reader.start();
      reader.stdin?.end(memory.subarray(part.from, part.to));
      return await reader.hear('read');
    }),
  );
  const timeMs = performance.now() - begin;
  return {
    digests: results.map((result) => Buffer.from(result.digest, 'hex')),
    timeMs,
    hashingMs: Math.max(...results.map((result) => result.hashingMs)),
  };
}
