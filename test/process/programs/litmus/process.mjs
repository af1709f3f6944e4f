// One process of a litmus test: `process.mjs ID INDEX`, driven by run.mjs with messages {test, access, rounds}.
// Process 0 counts the outcomes and answers with them.
import { openController } from '../../../../dist/api/index.js';
import { INSTANCES, meetingWord, positionWord, registerWord, variableWord } from './layout.mjs';
import { TESTS } from './tests.mjs';

const [id, index] = process.argv.slice(2).map(Number);
const segment = await openController().connect({ id, mode: 'rw' });
const words = new Int32Array(segment.map());
const barrier = segment.barrier();
const parent = process.ppid;

const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Until that many have come. Whoever waits gives its processor away after so many looks. */
function meet(arrivals, looks) {
  Atomics.add(words, meetingWord, 1);
  for (let look = 1; Atomics.load(words, meetingWord) < arrivals; look += 1) {
    if (look % looks !== 0) continue;
    Atomics.wait(nobody, 0, 0, 0.05);
    if (process.ppid !== parent) process.exit(1);
  }
}
const FEW = 200;
/** About a millisecond: who runs goes on running until the others do. */
const MANY = 100_000;

const plain = {
  store: (word, value) => {
    words[word] = value;
  },
  load: (word) => words[word],
};

/** The value in both halves: one that is torn is a value nobody stored. */
const transfer = new BigUint64Array(1);
const halves = new Int32Array(transfer.buffer);
const putAndGet = {
  store: (word, value) => {
    halves.fill(value);
    segment.put(word * 4, transfer);
  },
  load: (word) => {
    segment.get(word * 4, transfer);
    return halves[0] === halves[1] ? halves[0] : -1;
  },
};

const accesses = {
  plain,
  'plain, order() between': { ...plain, between: () => barrier.order() },
  Atomics: {
    store: (word, value) => Atomics.store(words, word, value),
    load: (word) => Atomics.load(words, word),
  },
  'put and get': putAndGet,
  'put and get in a barrier': putAndGet,
};

/** Whoever runs at this time begins an instance within some ten nanoseconds of us. */
function align(position, processes) {
  Atomics.store(words, positionWord(index), position);
  for (let other = 0; other < processes; other += 1) {
    for (let look = 0; look < 200 && Atomics.load(words, positionWord(other)) < position; look += 1);
  }
  // Sooner or later than the others by a little, each time by another.
  for (let delay = (position * (index + 3)) % 13; delay > 0; delay -= 1) Atomics.load(nobody, 0);
}

function perform(threads, { store, load, between }, value) {
  const steps = threads[index];
  for (let instance = 0; instance < INSTANCES; instance += 1) {
    align(value * INSTANCES + instance, threads.length);
    for (let step = 0; step < steps.length; step += 1) {
      if (between && step > 0) between();
      const [kind, variable, register] = steps[step];
      const word = variableWord(instance, variable);
      if (kind === 'store') store(word, value);
      else words[registerWord(instance, register)] = load(word);
    }
  }
}

function count(outcomes, registers, value) {
  for (let instance = 0; instance < INSTANCES; instance += 1) {
    let outcome = '';
    for (let register = 0; register < registers; register += 1) {
      const loaded = words[registerWord(instance, register)];
      outcome += loaded === value ? '1' : loaded === value - 1 ? '0' : '?';
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
}

function run({ test, access, rounds }) {
  const { threads, weak } = TESTS[test];
  const outcomes = {};
  const inBarrier = access === 'put and get in a barrier' || access === 'plain, order() between';
  if (inBarrier) barrier.open();
  for (let round = 0; round < rounds; round += 1) {
    const before = 3 * threads.length * round;
    meet(before + threads.length, FEW);
    meet(before + 2 * threads.length, MANY); // all are awake: now at once
    perform(threads, accesses[access], round + 1);
    meet(before + 3 * threads.length, FEW);
    if (index === 0) count(outcomes, weak.length, round + 1);
  }
  if (inBarrier) barrier.close();
  return outcomes;
}

process.on('message', (job) => process.send(run(job)));
process.send('ready');
