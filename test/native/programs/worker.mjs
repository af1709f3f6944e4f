// A thread that uses the addon, and then is ended, or throws, in the middle of something.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

const { addon, scene, request, directory, name, grants } = workerData;
const native = createRequire(import.meta.url)(addon);

const connection = native.connect(request);
const window = native.map(connection.handle, 0, connection.byteLength, 0o600, false, null, 0);
const ready = () => parentPort.postMessage('ready');

function exported() {
  const record = native.openRecord(directory, name, 0, -1);
  const segment = native.createExport(native.allocate(4096, 0), 0, 4096, 0);
  if (native.publish(segment, record, 99, `claim-${name}`, grants) !== 0) throw new Error('publish');
  return segment;
}

const scenes = {
  wait() {
    ready();
    native.wait(connection.handle, -1);
  },
  poll() {
    const entry = new Int32Array([native.eventDescriptor(connection.handle), 1, 0]);
    ready();
    native.poll(entry, 1, -1, 0);
  },
  watch() {
    native.onAbort(() => {});
    native.watch(connection.handle, () => {}, true);
    ready();
  },
  export() {
    native.watch(exported(), () => {}, true);
    ready();
  },
  connectAsync() {
    native.connectAsync({ ...request, socketPath: workerData.silent, timeoutMs: 600_000 });
    ready();
  },
  ends() {
    new Uint8Array(window)[0] = 1;
    ready();
  },
  throwInWatch() {
    native.watch(
      connection.handle,
      () => {
        throw new Error('thrown in watch');
      },
      true,
    );
    ready();
  },
  throwInOnAbort() {
    native.onAbort(() => {
      throw new Error('thrown in onAbort');
    });
    setInterval(() => {}, 1000);
    ready();
  },
};

scenes[scene]();
