// Takes a lock again and again, and changes what it guards without any atomic operation: `contender.mjs ID SLOT`.
// Words of the segment: 0 the lock, 1 who is inside, 2 stop, 3 deaths told, 4 violations, 8 + slot turns taken,
// 32 all turns. Prints how many turns it took and how often others overtook it at most.
const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);
const [id, slot] = process.argv.slice(2).map(Number);
const [INSIDE, STOP, DEATHS, VIOLATIONS, TURNS, ALL, SLOTS] = [1, 2, 3, 4, 8, 32, 8];
/** So long nobody waits who is not starved: only a deadline that fails the test. */
const STARVED_MS = 60_000;

const segment = api.openController().connectSync({ id });
const words = new Uint32Array(segment.map());
const lock = segment.lock(0);

/** Who died inside may have counted in one place and not yet in the other. */
function repair() {
  words[DEATHS] += 1;
  words[ALL] = words.subarray(TURNS, TURNS + SLOTS).reduce((sum, turns) => sum + turns, 0);
  words[INSIDE] = 0;
}

function work(held) {
  if (held.ownerDied) repair();
  if (words[INSIDE] !== 0) words[VIOLATIONS] += 1;
  words[INSIDE] = slot + 1;
  words[TURNS + slot] += 1;
  words[ALL] += 1;
  if (words[INSIDE] !== slot + 1) words[VIOLATIONS] += 1;
  words[INSIDE] = 0;
  held.release();
}

const ways = [
  () => lock.acquireSync(STARVED_MS),
  () => lock.acquire({ timeoutMs: STARVED_MS }),
  () => lock.acquireSync(STARVED_MS),
  () => lock.acquire({ timeoutMs: Math.random() * 3 }).catch(() => null), // gives up now and then
  () => lock.acquire({ timeoutMs: STARVED_MS }),
  () => lock.tryAcquire(),
];
let [turns, overtaken] = [0, 0];
for (let i = slot; words[STOP] === 0; i += 1) {
  const before = Atomics.load(words, ALL);
  const held = await ways[i % ways.length]();
  if (held === null) {
    if (i % 6 < 3) throw new Error('starved');
    continue;
  }
  overtaken = Math.max(overtaken, words[ALL] - before);
  turns += 1;
  work(held);
}
console.log(JSON.stringify({ turns, overtaken }));
segment.close();
