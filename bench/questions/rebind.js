/** T7: rebind under importers that have every page mapped and touched. */
import { allocate, openController } from '../../dist/api/index.js';
import { alternate, line, nanosecondsEach, peer, reference } from '../harness.js';

export const id = 'T7';
export const question = 'rebind with mapped importers in other processes against the bare exchange in C';

const CASES = [
  { name: '1 MiB', bytes: 1_048_576, importers: 1 },
  { name: '1 MiB', bytes: 1_048_576, importers: 8 },
  { name: '1 MiB', bytes: 1_048_576, importers: 32 },
  { name: '64 MiB', bytes: 67_108_864, importers: 1 },
  { name: '64 MiB', bytes: 67_108_864, importers: 8 },
  { name: '64 MiB', bytes: 67_108_864, importers: 32 },
];
const SMOKE_CASES = [{ name: '1 MiB', bytes: 1_048_576, importers: 2 }];

export async function run({ smoke, rounds, buildDirectory, plot }, report) {
  const rebindInC = reference('rebind', buildDirectory);
  const controller = openController();
  const curves = new Map();
  for (const { name, bytes, importers } of smoke ? SMOKE_CASES : CASES) {
    const memories = [allocate(bytes), allocate(bytes)];
    for (const memory of memories) new Uint8Array(memory).fill(1);
    const segment = controller.createExport(memories[0], { allowRebind: true });
    const target = [controller.nodeId, segment.publish()];
    const peers = [];
    for (let i = 0; i < importers; i += 1) peers.push(await peer('toucher', ...target));
    let turn = 0;
    const found = await alternate(rounds, {
      ours: async () => {
        await Promise.all(peers.map((other) => other.ask('touch')));
        turn += 1;
        return nanosecondsEach(1, () => segment.rebind(memories[turn % 2])) / 1e3;
      },
      c: () => rebindInC(bytes, importers, smoke ? 1 : 5) / 1e3,
    });
    await Promise.all(peers.map((other) => other.end()));
    segment.close();
    curves.set(name, [...(curves.get(name) ?? []), [importers, found.ours.median]]);
    const target3 = { atMost: 3, plus: 200 };
    const label = `${name}, ${importers} importer${importers === 1 ? '' : 's'}`;
    report(line({ name: label, unit: 'us', ours: found.ours, reference: found.c, target: target3 }));
  }
  for (const [name, points] of curves) {
    plot('growth', { name: `rebind of ${name}`, over: 'importers', unit: 'us', points });
  }
  controller[Symbol.dispose]();
}
