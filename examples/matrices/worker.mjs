// One thread: connects for itself and computes every so-manieth row of the product.
import { workerData } from 'node:worker_threads';
import { openController } from 'rsmapi';
import { views } from './layout.mjs';

const { id, size, index, workers } = workerData;
const controller = openController();
const segment = controller.connectSync({ id });
const { a, b, c } = views(segment.map(), size);

for (let row = index; row < size; row += workers) {
  const line = c.subarray(row * size, (row + 1) * size);
  for (let k = 0; k < size; k++) {
    const factor = a[row * size + k];
    for (let column = 0; column < size; column++) line[column] += factor * b[k * size + column];
  }
}
segment.post();
segment.close();
controller.close();
