/** T11: ping-pong against iceoryx in C++, both spinning. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openController } from '../../dist/api/index.js';
import { asking, exchangeMemory } from '../exchange.js';
import { alternate, inMicroseconds, line, nanosecondsEach, peer, reference } from '../harness.js';

export const id = 'T11';
export const question = 'ping-pong of 64 B and 1 MiB against iceoryx with its C++ API, both sides spinning';

const HEADERS = '/usr/include/iceoryx/v2.0.3';
const LIBRARIES = ['-liceoryx_posh', '-liceoryx_hoofs', '-liceoryx_platform', '-pthread'];
const CXX = { source: 'cc', compiler: 'c++', options: ['-std=c++17', `-I${HEADERS}`, ...LIBRARIES] };

export async function run({ smoke, rounds, buildDirectory, skip }, report) {
  if (!existsSync(HEADERS) || spawnSync('iox-roudi', ['--version']).error) {
    return skip('iceoryx', 'iceoryx 2.0.3 is not installed: bench/setup does it');
  }
  const pingPong = reference('iceoryx', buildDirectory, CXX);
  const roudi = await startRoudi();
  const controller = openController();
  for (const { name, bytes } of [
    { name: '64 B', bytes: 64 },
    { name: '1 MiB', bytes: 1_048_576 },
  ]) {
    const count = smoke ? 20 : 100_000;
    const memory = exchangeMemory(bytes);
    const segment = controller.createExport(memory);
    const other = await peer('answer', controller.nodeId, segment.publish(), bytes);
    const exchange = spinning(memory, bytes);
    const found = await alternate(rounds, {
      ours: async () => {
        await other.ask({ how: 'spin', count });
        return nanosecondsEach(count, exchange);
      },
      iceoryx: () => pingPong(bytes, count),
    });
    await other.end();
    segment.close();
    const [ours, theirs] = [found.ours, found.iceoryx].map(inMicroseconds);
    report(line({ name: `round trip, ${name}`, unit: 'us', ours, reference: theirs, target: { atMost: 1 } }));
  }
  controller[Symbol.dispose]();
  await roudi.end();
}

function spinning(memory, bytes) {
  const side = asking(memory, bytes);
  let turn = 0;
  return (count) => {
    for (let i = 0; i < count; i += 1) {
      turn += 1;
      side.request(turn);
      side.spin(turn);
      side.reply(turn);
    }
  };
}

/** There is one RouDi per machine: where another runs already, that one serves. */
async function startRoudi() {
  const roudi = spawn('iox-roudi', ['--monitoring-mode', 'off'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const stop = () => roudi.kill('SIGTERM');
  process.once('exit', stop);
  const exited = once(roudi, 'exit');
  for await (const line of createInterface({ input: roudi.stdout })) {
    if (line.includes('ready for clients')) break;
  }
  return {
    async end() {
      process.off('exit', stop);
      stop();
      await exited;
    },
  };
}
