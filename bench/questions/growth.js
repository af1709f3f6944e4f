/** X1: how costs grow with the size of a segment and the number of events (T8 has segments and importers). */
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, inMicroseconds, line, nanosecondsEach, peer } from '../harness.js';

export const id = 'X1';
export const question = 'costs over the size of a segment, and over events that are pending at once';

const KIB = 1024;
const SIZES = [4 * KIB, 64 * KIB, 1024 * KIB, 16_384 * KIB, 65_536 * KIB];
const EVENTS = [1, 10, 100, 1000, 10_000];
const REPEATS = 20;
const EVENT_SAMPLE = 10_000;
/** What may not grow at all; rebind and put of a whole segment grow with what they move. */
const CONSTANT = { atMost: 2 };

export async function run({ smoke, rounds, plot }, report) {
  const controller = openController();
  const curve = (name, over, counts, found, target) => {
    const figures = counts.map((count) => inMicroseconds(found(count)));
    const [first, last] = [counts[0], counts.at(-1)].map((count) => count.toLocaleString('en'));
    const ends = { ours: figures.at(-1), reference: figures[0] };
    report(line({ name: `${name}: ${last} ${over}; ${first}`, unit: 'us', ...ends, target }));
    plot('growth', {
      name,
      over,
      unit: 'us',
      points: counts.map((count, at) => [count, figures[at].median]),
    });
  };
  const sizes = smoke ? SIZES.slice(0, 2) : SIZES;
  const scenes = [];
  for (const bytes of sizes) scenes.push(await sceneOf(controller, bytes, smoke ? 2 : REPEATS));
  const found = await alternate(rounds, Object.assign({}, ...scenes.map((scene) => scene.contenders)));
  for (const { end } of scenes) await end();
  const of = (what) => (bytes) => found[`${what} ${bytes}`];
  curve('publish + unpublish', 'bytes', sizes, of('publish'), CONSTANT);
  curve('connect + map + close', 'bytes', sizes, of('connect'), CONSTANT);
  curve('rebind under a mapped importer', 'bytes', sizes, of('rebind'));
  curve('put of all of it', 'bytes', sizes, of('put'));
  const counts = smoke ? EVENTS.slice(0, 2) : EVENTS;
  const events = await alternate(rounds, eventContenders(controller, counts, smoke ? 20 : EVENT_SAMPLE));
  curve('event, posted and waited for', 'pending', counts, (count) => events[count], CONSTANT);
  controller[Symbol.dispose]();
}

/** What is measured of one size: a segment here, an importer elsewhere that touches every page. */
async function sceneOf(controller, bytes, repeats) {
  const memories = [allocate(bytes), allocate(bytes)];
  const segment = controller.createExport(memories[0], { allowRebind: true });
  const target = { node: controller.nodeId, id: segment.publish(), mode: 'rw' };
  const importing = controller.connectSync(target);
  const data = new Uint8Array(bytes).fill(7);
  importing.put(0, data);
  const other = await peer('toucher', target.node, target.id);
  const spare = controller.createExport(allocate(bytes));
  const each = (action) => () =>
    nanosecondsEach(repeats, (times) => {
      for (let i = 0; i < times; i += 1) action();
    });
  let turn = 0;
  const contenders = {
    [`publish ${bytes}`]: each(() => {
      spare.publish();
      spare.unpublish();
    }),
    [`connect ${bytes}`]: each(() => {
      const connection = controller.connectSync(target);
      connection.map();
      connection.close();
    }),
    [`rebind ${bytes}`]: async () => {
      await other.ask('touch');
      turn += 1;
      return nanosecondsEach(1, () => segment.rebind(memories[turn % 2]));
    },
    [`put ${bytes}`]: each(() => importing.put(0, data)),
  };
  const end = async () => {
    await other.end();
    importing.close();
    segment.close();
    spare.close();
  };
  return { contenders, end };
}

/** So many events posted before the first is waited for: nanoseconds per event. */
function eventContenders(controller, counts, sample) {
  const segment = controller.createExport(allocate(4096));
  const importing = controller.connectSync({ node: controller.nodeId, id: segment.publish(), mode: 'rw' });
  const contender = (pending) => () =>
    nanosecondsEach(sample, (events) => {
      for (let done = 0; done < events; done += pending) {
        for (let i = 0; i < pending; i += 1) importing.post();
        for (let i = 0; i < pending; i += 1) segment.waitSync(0);
      }
    });
  return Object.fromEntries(counts.map((count) => [count, contender(count)]));
}
