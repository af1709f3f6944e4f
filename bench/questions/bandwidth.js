/**
 * T2: put and get of blocks against memcpy on the same kind of memory. The local memory is page-aligned in both: what
 * another place within the page costs (up to three times, 16 bytes behind the segment's) is the processor's affair.
 */
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, line, nanosecondsEach, rate, reference } from '../harness.js';

export const id = 'T2';
export const question = 'put and get bandwidth against memcpy in C';

const SIZES = [
  { name: '4 KiB', bytes: 4096, atLeast: 0.5 },
  { name: '64 KiB', bytes: 65_536, atLeast: 0.9 },
  { name: '1 MiB', bytes: 1_048_576, atLeast: 0.9 },
  { name: '64 MiB', bytes: 67_108_864, atLeast: 0.9 },
];
/** Copied in one sample, whatever the size of the blocks. */
const SAMPLE_BYTES = 512 * 1024 * 1024;
/** Before each sample, as the reference fills its memory: its fork leaves our pages to be copied on write. */
const WARM_PART = 1 / 8;

export async function run({ smoke, rounds, buildDirectory, plot }, report) {
  const memcpy = reference('memcpy', buildDirectory);
  const controller = openController();
  const curves = { put: [], get: [], 'memcpy, put': [], 'memcpy, get': [] };
  for (const { name, bytes, atLeast } of smoke ? SIZES.slice(0, 2) : SIZES) {
    const segment = controller.createExport(allocate(bytes));
    const importing = controller.connectSync({ node: controller.nodeId, id: segment.publish(), mode: 'rw' });
    const block = new Uint8Array(allocate(bytes)).fill(7);
    const count = smoke ? 2 : Math.ceil(SAMPLE_BYTES / bytes);
    const found = await alternate(rounds, {
      put: () => warmed(count, () => importing.put(0, block)),
      cPut: () => memcpy('put', bytes, count),
      get: () => warmed(count, () => importing.get(0, block)),
      cGet: () => memcpy('get', bytes, count),
    });
    importing.close();
    segment.close();
    const row = (what, ours, c) =>
      report(
        line({
          name: `${what} ${name}`,
          unit: 'GB/s',
          ours: rate(bytes, ours),
          reference: rate(bytes, c),
          target: { atLeast },
        }),
      );
    row('put', found.put, found.cPut);
    row('get', found.get, found.cGet);
    for (const [curve, time] of Object.entries(curvesOf(found))) {
      curves[curve].push([bytes, rate(bytes, time).median]);
    }
  }
  for (const [name, points] of Object.entries(curves)) {
    plot('bandwidth', { chart: 'within a node', name, points, dashed: name.startsWith('memcpy') });
  }
  controller[Symbol.dispose]();
}

function curvesOf({ put, get, cPut, cGet }) {
  return { put, get, 'memcpy, put': cPut, 'memcpy, get': cGet };
}

function warmed(count, action) {
  repeat(Math.ceil(count * WARM_PART), action);
  return nanosecondsEach(count, (times) => repeat(times, action));
}

function repeat(times, action) {
  for (let i = 0; i < times; i += 1) action();
}
