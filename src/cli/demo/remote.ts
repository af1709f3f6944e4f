/**
 * The importing process of `rsm demo --cluster`, on another node. It does what it is asked to and says what
 * came of it; the bytes come over the fabric.
 */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type Controller, type ImportSegment, openController } from '../../api/index.ts';

const CHUNK_BYTES = 1024 * 1024;
const PAUSE_MS = 10;

/** What it can be asked. */
export type Ask =
  | { kind: 'connect'; node: number; file: number; results: number }
  | { kind: 'read'; length: number }
  | { kind: 'answer' }
  | { kind: 'until-it-fails' };

type Asked<K extends Ask['kind']> = Extract<Ask, { kind: K }>;

/** What it says to each. */
export interface Said {
  connect: { timeMs: number; ownerPid: number };
  read: { digest: string; timeMs: number };
  answer: object;
  'until-it-fails': { code: string; sentence: string; good: number };
}

let controller: Controller | undefined;
let file: ImportSegment | undefined;
let results: ImportSegment | undefined;
let digest = Buffer.alloc(0);

async function connect({ node, file: fileId, results: resultsId }: Asked<'connect'>) {
  controller ??= openController('ofi0');
  file?.close();
  results?.close();
  const begin = performance.now();
  file = await controller.connect({ node, id: fileId, mode: 'r' });
  const timeMs = performance.now() - begin;
  results = await controller.connect({ node, id: resultsId, mode: 'rw' });
  return { timeMs, ownerPid: file.owner.pid };
}

/**
 * The contents, which may end within the last page, in one barrier: when that closes well, every byte came from
 * exported memory.
 */
function read({ length }: Asked<'read'>) {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(CHUNK_BYTES);
  const begin = performance.now();
  const barrier = file!.barrier().open();
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, length - at));
    file!.get(at, part);
    barrier.order();
    hash.update(part);
  }
  barrier.close();
  digest = hash.digest();
  return { digest: digest.toString('hex'), timeMs: performance.now() - begin };
}

function answer() {
  results!.put(0, digest);
  results!.post();
  return {};
}

async function untilItFails() {
  for (let good = 0; ; good += 1) {
    try {
      results!.put(digest.length, Uint8Array.of(good));
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return { code, sentence: message, good };
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

process.on('message', async (ask: Ask) => {
  try {
    const said = {
      connect: () => connect(ask as Asked<'connect'>),
      read: () => read(ask as Asked<'read'>),
      answer,
      'until-it-fails': untilItFails,
    }[ask.kind]();
    process.send?.({ said: await said });
  } catch (error) {
    process.send?.({ failed: (error as Error).message });
  }
});
process.once('disconnect', () => {
  file?.close();
  results?.close();
  controller?.close();
});
