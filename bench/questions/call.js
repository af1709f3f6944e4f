/** T1: what a small put or get costs beside the cheapest call into native code there is. */
import { allocate, openController } from '../../dist/api/index.js';
import * as librsm from '../../dist/librsm/index.js';
import { native } from '../../dist/native/index.js';
import { alternate, line, nanosecondsEach } from '../harness.js';

export const id = 'T1';
export const question = 'one 8-byte put or get, checks included, against a native call that does nothing';

export async function run({ smoke, rounds }, report) {
  const count = smoke ? 1_000 : 500_000;
  const controller = openController();
  const segment = controller.createExport(allocate(4096));
  const target = { node: controller.nodeId, id: segment.publish() };
  const importing = controller.connectSync({ ...target, mode: 'rw' });
  const mapped = new BigUint64Array(importing.map());
  const explicit = connectLibrsm(target, librsm.RSM_BARRIER_MODE_EXPLICIT);
  const implicit = connectLibrsm(target, librsm.RSM_BARRIER_MODE_IMPLICIT);
  const value = new BigUint64Array([42n]);
  const { rsm_memseg_import_put64: put64, rsm_memseg_import_get64: get64 } = librsm;
  const loop = (call) => () =>
    nanosecondsEach(count, (times) => {
      for (let i = 0; i < times; i += 1) call();
    });
  const found = await alternate(rounds, {
    nothing: loop(() => native.nothing()),
    store: () =>
      nanosecondsEach(count, (times) => {
        for (let i = 0; i < times; i += 1) mapped[i & 7] = 42n;
      }),
    putExplicit: loop(() => put64(explicit, 8, value, 1)),
    getExplicit: loop(() => get64(explicit, 8, value, 1)),
    putImplicit: loop(() => put64(implicit, 8, value, 1)),
    getImplicit: loop(() => get64(implicit, 8, value, 1)),
    put: loop(() => importing.put(8, value)),
    get: loop(() => importing.get(8, value)),
  });
  controller[Symbol.dispose]();
  const row = (name, ours, atMost) =>
    report(line({ name, unit: 'ns', ours, reference: found.nothing, target: { atMost } }));
  row('rsm_memseg_import_put64, EXPLICIT', found.putExplicit, 1.5);
  row('rsm_memseg_import_get64, EXPLICIT', found.getExplicit, 1.5);
  row('rsm_memseg_import_put64, IMPLICIT', found.putImplicit, 2.5);
  row('rsm_memseg_import_get64, IMPLICIT', found.getImplicit, 2.5);
  row('ImportSegment.put', found.put, 2.5);
  row('ImportSegment.get', found.get, 2.5);
  report(
    line({ name: 'a plain store into the mapping', unit: 'ns', ours: found.store, reference: found.nothing }),
  );
}

function connectLibrsm({ node, id }, mode) {
  const controller = librsm.out();
  const segment = librsm.out();
  must(librsm.rsm_get_controller(null, controller));
  must(librsm.rsm_memseg_import_connect(controller.value, node, id, librsm.RSM_PERM_RDWR, segment));
  must(librsm.rsm_memseg_import_init_barrier(segment.value, librsm.RSM_BAR_DEFAULT, librsm.rsmapi_barrier()));
  must(librsm.rsm_memseg_import_set_mode(segment.value, mode));
  must(librsm.rsm_memseg_import_put64(segment.value, 0, new BigUint64Array(1), 1));
  return segment.value;
}

function must(result) {
  if (result !== librsm.RSM_SUCCESS) throw new Error(`librsm: ${result}`);
}
