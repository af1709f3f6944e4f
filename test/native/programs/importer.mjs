// The importing process of binding.test.ts: says on standard output what it saw.
import { createRequire } from 'node:module';

const { addon, request } = JSON.parse(process.argv[2]);
const native = createRequire(import.meta.url)(addon);

const connection = native.connect(request);
const window = native.map(connection.handle, 0, connection.byteLength, 0o600, false, null, 0);
const words = new Int32Array(window);
const local = new Int32Array(connection.control);
const seen = { uid: connection.uid, pid: connection.pid, before: words[0], states: [local[0]] };

words[1] = 43;
native.post(connection.handle, false);
native.wait(connection.handle, -1);
seen.after = words[0];
native.onAbort((handle) => {
  seen.aborted = handle === connection.handle;
  seen.states.push(local[0]);
  native.disconnect(connection.handle, window);
  seen.detached = words.length;
  process.stdout.write(JSON.stringify(seen));
  clearInterval(alive);
});
const alive = setInterval(() => {}, 1000);
native.post(connection.handle, false);
