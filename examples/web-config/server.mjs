// A cluster of web servers that share one configuration. Every line of standard input is a change, as JSON:
// the primary builds a whole new configuration and rebinds the segment to it. No worker is told.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { allocate, openController, release } from 'rsmapi';
import { CONFIG_BYTES, Reader, write } from './config.mjs';

const WORKERS = Number(process.argv[2] ?? 2);

async function primary() {
  const controller = openController();
  let config = { version: 1, limit: 100, greeting: 'hello' };
  const memory = allocate(CONFIG_BYTES);
  write(memory, config);

  const segment = controller.createExport(memory, { allowRebind: true, readOnly: true });
  const id = segment.publish({ access: [{ node: controller.nodeId, permission: 0o400 }] });
  const start = () => cluster.fork({ CONFIG_SEGMENT: id });
  for (let i = 0; i < WORKERS; i++) start();
  cluster.on('exit', (worker) => worker.exitedAfterDisconnect || start());

  const [, { port }] = await once(cluster, 'listening');
  console.log(`listening on ${port}`);

  for await (const line of createInterface({ input: process.stdin })) {
    config = { ...config, ...JSON.parse(line), version: config.version + 1 };
    const fresh = allocate(CONFIG_BYTES);
    write(fresh, config);
    const old = segment.memory;
    segment.rebind(fresh); // returns when every worker reads the new memory
    release(old);
    console.log(`version ${config.version}`);
  }

  await new Promise((resolve) => cluster.disconnect(resolve));
  segment.close();
  controller.close();
}

function worker() {
  const controller = openController();
  const segment = controller.connectSync({ id: Number(process.env.CONFIG_SEGMENT), mode: 'r' });
  const config = new Reader(segment);

  createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...config.current, pid: process.pid }));
  }).listen(0, '127.0.0.1'); // 0: the primary chooses one port for all
}

if (cluster.isPrimary) await primary();
else worker();
