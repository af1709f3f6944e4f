// The installed package between two processes, by both faces: `smoke.mjs` exports and starts `smoke.mjs ID`, which
// imports. Says what it did; ends with 0 if all of it was right.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { allocate, openController } from 'rsmapi';
import * as rsm from 'rsmapi/librsm';

const PATIENCE_MS = 60_000;

async function exporter() {
  const controller = openController();
  const memory = allocate(8192);
  new Uint8Array(memory).fill(1);
  const segment = controller.createExport(memory, { allowRebind: true });
  const id = segment.publish();
  const importer = spawn(process.execPath, [import.meta.filename, String(id)], { stdio: 'inherit' });
  const ended = once(importer, 'exit');

  await segment.wait({ timeoutMs: PATIENCE_MS });
  assert.deepEqual([...new Uint8Array(memory, 100, 5)], [1, 2, 3, 4, 5]);
  assert.equal(new BigUint64Array(memory)[1], 42n);
  const other = allocate(8192);
  new Uint8Array(other).fill(7);
  segment.rebind(other);
  segment.post();

  assert.deepEqual(await ended, [0, null]);
  segment.close();
  controller.close();
  console.log(`node ${process.version}: exported, rebound`);
}

async function importer(id) {
  const segment = await openController().connect({ id, mode: 'rw' });
  const window = new Uint8Array(segment.map());
  assert.equal(window[8191], 1);
  segment.put(100, Uint8Array.of(1, 2, 3, 4, 5));
  const target = new Uint8Array(4);
  segment.get(101, target);
  assert.deepEqual([...target], [2, 3, 4, 5]);

  const [controller, handle, barrier] = [rsm.out(), rsm.out(), rsm.rsmapi_barrier()];
  assert.equal(rsm.rsm_get_controller(null, controller), 0);
  const { RSM_PERM_RDWR, RSM_BAR_DEFAULT } = rsm;
  assert.equal(rsm.rsm_memseg_import_connect(controller.value, 0, id, RSM_PERM_RDWR, handle), 0);
  assert.equal(rsm.rsm_memseg_import_init_barrier(handle.value, RSM_BAR_DEFAULT, barrier), 0);
  assert.equal(rsm.rsm_memseg_import_put64(handle.value, 8, BigUint64Array.of(42n), 1), 0);
  assert.equal(rsm.rsm_memseg_import_disconnect(handle.value), 0);

  segment.post();
  await segment.wait({ timeoutMs: PATIENCE_MS });
  assert.equal(window[8191], 7);
  segment.close();
  console.log(`node ${process.version}: connected, put, got, saw the rebind`);
}

await (process.argv[2] === undefined ? exporter() : importer(Number(process.argv[2])));
