// Takes jobs until the dispatcher withdraws the queue.
import { openController } from 'rsmapi';
import { Queue, SEGMENT_ID } from './queue.mjs';

function isPrime(n) {
  if (n < 4) return n > 1;
  if (n % 2 === 0) return false;
  for (let d = 3; d * d <= n; d += 2) if (n % d === 0) return false;
  return true;
}

function primesIn(from, to) {
  let count = 0;
  for (let n = from; n < to; n++) if (isPrime(n)) count += 1;
  return count;
}

/** All jobs that can be had. */
function work(segment, queue) {
  for (let job = queue.take(); job !== undefined && segment.connected; job = queue.take()) {
    queue.finish(job, primesIn(job.from, job.to));
    segment.post();
  }
}

const controller = openController();
try {
  const segment = await controller.connect({ id: SEGMENT_ID });
  const queue = new Queue(segment.map());
  segment.aborted.then(() => segment.close()); // ends the loop below
  work(segment, queue); // what was offered before we came
  for await (const _ of segment.events()) work(segment, queue);
} catch (error) {
  // The dispatcher has gone: before we came, while we came, or while we computed.
  const gone = ['RSMERR_SEG_NOT_PUBLISHED', 'RSMERR_INTERRUPTED', 'RSMERR_CONN_ABORTED'];
  if (!gone.includes(error.code)) throw error;
}
controller.close();
