// In a gateway that a test ends, before its program: does what the test sends. `{order}`: a path of points.c.
// `{end, acted}`: ends from JavaScript, once the file `acted` is there. `{collect}`: collects garbage.
import { accessSync, existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

const ends = {
  'process.exit': () => process.exit(3),
  exception: () => {
    throw new Error('an exception nobody catches');
  },
  blocked: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};

process.on('message', async ({ order, end, acted, collect }) => {
  if (order) accessSync(order);
  if (end) {
    const timer = setInterval(() => {
      if (acted && !existsSync(acted)) return;
      clearInterval(timer);
      accessSync('/crash-point/mark');
      ends[end]();
    }, 1);
  }
  // Finalizers run when the event loop turns.
  for (let i = 0; collect && i < 3; i += 1) {
    runInNewContext('gc')();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  process.send('heard');
});
process.channel.unref();
