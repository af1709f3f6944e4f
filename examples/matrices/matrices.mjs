// Multiplies two matrices with worker threads, on one segment. `matrices.mjs [SIZE] [WORKERS]`
import { Worker } from 'node:worker_threads';
import { allocate, openController, release } from 'rsmapi';
import { bytesFor, views } from './layout.mjs';

const size = Number(process.argv[2] ?? 600);
const workers = Number(process.argv[3] ?? 4);

const controller = openController();
const memory = allocate(bytesFor(size));
const { a, b, c } = views(memory, size);
for (let i = 0; i < a.length; i++) {
  a[i] = (i * 7) % 11;
  b[i] = (i * 5) % 13;
}

const segment = controller.createExport(memory);
const id = segment.publish({ access: [{ node: controller.nodeId, permission: 0o600 }] });
for (let index = 0; index < workers; index++) {
  const workerData = { id, size, index, workers };
  new Worker(new URL('worker.mjs', import.meta.url), { workerData });
}
for (let done = 0; done < workers; done++) await segment.wait();
segment.close();

/** matrix · vector */
function times(matrix, vector) {
  const product = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    for (let k = 0; k < size; k++) product[row] += matrix[row * size + k] * vector[k];
  }
  return product;
}

// Freivalds: A·(B·v) is C·v for a random v only if C is A·B, nearly always; all numbers are exact here.
const vector = Float64Array.from({ length: size }, () => Math.floor(Math.random() * 100));
const expected = times(a, times(b, vector));
const right = times(c, vector).every((value, row) => value === expected[row]);
const trace = Array.from({ length: size }, (_, i) => c[i * size + i]).reduce((sum, value) => sum + value, 0);
console.log(`${size} x ${size} by ${workers} workers: trace ${trace}, ${right ? 'verified' : 'WRONG'}`);

release(memory);
controller.close();
process.exitCode = right ? 0 : 1;
