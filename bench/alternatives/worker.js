/** A worker_threads worker: threads of one process. A long payload is transferred, there and back: no copy. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { threadsBegunBy } from '../proc.js';
import { caller } from './caller.js';

export const name = 'worker postMessage';
export const withinProcess = true;
const TRANSFERRED_BYTES = 4096;

export async function open({ bytes, replyBytes }) {
  const transferred = bytes > TRANSFERRED_BYTES;
  const { begun: worker, threads } = await threadsBegunBy(async () => {
    const started = new Worker(join(import.meta.dirname, '..', 'peers', 'answer-worker.js'), {
      workerData: { replyBytes, transferred },
    });
    await once(started, 'message');
    return started;
  });
  let payload = transferred ? new ArrayBuffer(bytes) : 'x'.repeat(bytes);
  const { call, answered } = caller(() => worker.postMessage(payload, transferred ? [payload] : []));
  worker.on('message', (message) => {
    if (transferred) payload = message;
    answered();
  });
  return { exchange: call, pids: [], threads, close: () => worker.terminate() };
}
