// The litmus tests. `threads` has a list of steps for each process: ['store', variable] stores the value of the round,
// ['load', variable, register] loads into a register, which counts as 1 if that is the value of the round and as 0 if
// it is that of the round before. `weak` is the outcome that no interleaving of the processes can have.

const [X, Y] = [0, 1];

export const TESTS = {
  'message passing': {
    weak: '10',
    threads: [
      [
        ['store', X],
        ['store', Y],
      ],
      [
        ['load', Y, 0],
        ['load', X, 1],
      ],
    ],
  },
  'store buffering': {
    weak: '00',
    threads: [
      [
        ['store', X],
        ['load', Y, 0],
      ],
      [
        ['store', Y],
        ['load', X, 1],
      ],
    ],
  },
  'load buffering': {
    weak: '11',
    threads: [
      [
        ['load', X, 0],
        ['store', Y],
      ],
      [
        ['load', Y, 1],
        ['store', X],
      ],
    ],
  },
  IRIW: {
    weak: '1010',
    threads: [
      [['store', X]],
      [['store', Y]],
      [
        ['load', X, 0],
        ['load', Y, 1],
      ],
      [
        ['load', Y, 2],
        ['load', X, 3],
      ],
    ],
  },
};

/** How the variables are accessed, and whether the library promises that no weak outcome is seen then. */
export const ACCESSES = {
  plain: { ordered: false },
  'plain, order() between': { ordered: true },
  Atomics: { ordered: true },
  'put and get': { ordered: true },
  'put and get in a barrier': { ordered: false },
};
