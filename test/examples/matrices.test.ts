/** examples/matrices: the product is right, with one thread and with more than there are processors. */
import { expect, test } from 'vitest';
import { example } from '../support/example.ts';

/** The trace of the product, from the definition: sum of a[i][k] · b[k][i]. */
function trace(size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i += 1) {
    for (let k = 0; k < size; k += 1) sum += (((i * size + k) * 7) % 11) * (((k * size + i) * 5) % 13);
  }
  return sum;
}

test.each([
  [1, 1],
  [100, 1],
  [257, 5],
])('%i x %i by so many workers', async (size, workers) => {
  const program = example('matrices/matrices.mjs', [String(size), String(workers)]);
  const said = `${size} x ${size} by ${workers} workers: trace ${trace(size)}, verified`;
  expect(await program.line()).toBe(said);
  expect(await program.end()).toEqual({ status: 0, errors: '' });
});
