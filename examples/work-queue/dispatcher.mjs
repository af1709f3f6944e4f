// Counts the primes below a limit with several worker processes. `dispatcher.mjs [WORKERS] [LIMIT]`
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { allocate, openController } from 'rsmapi';
import { QUEUE_BYTES, Queue, SEGMENT_ID } from './queue.mjs';

const workers = Number(process.argv[2] ?? 3);
const limit = Number(process.argv[3] ?? 5_000_000);
const STEP = 50_000;

const controller = openController();
const memory = allocate(QUEUE_BYTES);
const queue = new Queue(memory);
const segment = controller.createExport(memory);
segment.publish({ id: SEGMENT_ID, access: [{ node: controller.nodeId, permission: 0o600 }] });

let next = 0;
let open = 0;
let primes = 0;

function offer() {
  while (next < limit && queue.offer(next, Math.min(next + STEP, limit))) {
    next += STEP;
    open += 1;
  }
  segment.post({ accumulate: false }); // every worker looks; whoever is awake anyway needs no second event
}

function startWorker() {
  const worker = spawn(process.execPath, [join(import.meta.dirname, 'worker.mjs')], { stdio: 'inherit' });
  console.log(`worker ${worker.pid} started`);
  worker.on('exit', (_, signal) => {
    if (open === 0) return;
    console.log(`worker ${worker.pid} ended by ${signal}: ${queue.giveBack(worker.pid)} jobs offered again`);
    startWorker();
    offer();
  });
}

offer();
for (let i = 0; i < workers; i++) startWorker();
for await (const _ of segment.events()) {
  for (const result of queue.results()) {
    primes += result;
    open -= 1;
  }
  if (open === 0 && next >= limit) break;
  offer();
}
console.log(`${primes} primes below ${limit}`);
segment.close(); // ends the workers
controller.close();
