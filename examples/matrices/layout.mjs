// Three square matrices of doubles, row by row, one behind the other: C = A · B.
export const bytesFor = (size) => 3 * size * size * Float64Array.BYTES_PER_ELEMENT;

export function views(memory, size) {
  const cells = size * size;
  const [a, b, c] = [0, 1, 2].map((i) => new Float64Array(memory, i * cells * 8, cells));
  return { a, b, c };
}
