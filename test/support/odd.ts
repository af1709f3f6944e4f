/** Values that no native function may fall over. */

function detached(): Uint32Array {
  const words = new Uint32Array(8);
  structuredClone(words.buffer, { transfer: [words.buffer] });
  return words;
}

const getters = new Proxy({}, { get: () => Number.NaN });
const thrower = new Proxy(
  {},
  {
    get: () => {
      throw new RangeError('a getter of the program');
    },
  },
);

export const ODD: unknown[] = [
  undefined,
  null,
  true,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0.5,
  -1,
  2 ** 32,
  2 ** 53,
  1e300,
  10n ** 30n,
  '',
  'a\0b',
  '\ud800',
  '/'.repeat(5000),
  Symbol('odd'),
  {},
  [],
  () => 1,
  getters,
  thrower,
  new ArrayBuffer(0),
  new ArrayBuffer(64),
  detached().buffer,
  new SharedArrayBuffer(64),
  new Uint32Array(0),
  new Uint32Array(64).fill(0xffffffff),
  detached(),
  new Int32Array(1),
  new DataView(new ArrayBuffer(4)),
];

/** Whether it is what a native function may throw: a TypeError, a system's error, or what a getter threw. */
export function isKnown(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return error instanceof TypeError || /^E[A-Z]+$/.test(code ?? '') || /getter/.test(message);
}
