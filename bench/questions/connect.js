/** T6: connect and disconnect, exporter in another process. */
import { openController } from '../../dist/api/index.js';
import { alternate, inMicroseconds, line, nanosecondsEach, peer, reference } from '../harness.js';

export const id = 'T6';
export const question = 'connect + disconnect to another process against the same system calls in C';

export async function run({ smoke, rounds, buildDirectory, directory }, report) {
  const count = smoke ? 20 : 2_000;
  const connectInC = reference('connect', buildDirectory);
  const exporter = await peer('exporter', 4096);
  const controller = openController();
  const target = { ...exporter.ready, mode: 'rw' };
  const found = await alternate(rounds, {
    ours: () =>
      nanosecondsEach(count, (times) => {
        for (let i = 0; i < times; i += 1) controller.connectSync(target).close();
      }),
    c: () => connectInC(directory, count),
  });
  await exporter.end();
  controller[Symbol.dispose]();
  report(
    line({
      name: 'connectSync + close',
      unit: 'us',
      ours: inMicroseconds(found.ours),
      reference: inMicroseconds(found.c),
      target: { atMost: 2 },
    }),
  );
}
