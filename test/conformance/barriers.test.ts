/** Barriers and barrier modes (rsmapi.md 1.7, 2.8). */
import { expect, test } from 'vitest';
import { allocate, type RsmError } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import { EXPORTER, exported, imported, openEnd, PAGE } from '../support/scene.ts';

const init = rsm.rsm_memseg_import_init_barrier;
const open = rsm.rsm_memseg_import_open_barrier;
const order = rsm.rsm_memseg_import_order_barrier;
const close = rsm.rsm_memseg_import_close_barrier;
const destroy = rsm.rsm_memseg_import_destroy_barrier;
const put8 = rsm.rsm_memseg_import_put8;
const one = new Uint8Array([1]);

test('C-163 all five with a null barrier return BAD_BARRIER_PTR', () => {
  const { segment } = imported({ id: exported().id });
  for (const nothing of [null, undefined] as never[]) {
    expect(init(segment, rsm.RSM_BAR_DEFAULT, nothing)).toBe(rsm.RSMERR_BAD_BARRIER_PTR);
    for (const call of [open, order, close, destroy]) expect(call(nothing)).toBe(rsm.RSMERR_BAD_BARRIER_PTR);
  }
  expect(init(null as never, rsm.RSM_BAR_DEFAULT, null as never)).toBe(rsm.RSMERR_BAD_SEG_HNDL); // handle first
});

test('C-164 a barrier that was never initialised returns BARRIER_UNINITIALIZED', () => {
  for (const call of [open, order, close, destroy]) {
    expect(call(rsm.rsmapi_barrier())).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
  }
});

test('C-164 so does a destroyed one', () => {
  const { barrier } = imported({ id: exported().id });
  expect(destroy(barrier)).toBe(0);
  for (const call of [open, order, close, destroy])
    expect(call(barrier)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
});

test('C-165 init_barrier accepts RSM_BAR_DEFAULT and all four types (D-21)', () => {
  expect(rsm.RSM_BAR_DEFAULT).toBe(rsm.RSM_BARRIER_SEGMENT);
  const { segment } = imported({ id: exported().id });
  for (const type of [0x01, 0x02, 0x11, 0x12]) {
    const barrier = rsm.rsmapi_barrier();
    expect(init(segment, type, barrier)).toBe(0);
    expect([open(barrier), order(barrier), close(barrier), destroy(barrier)]).toEqual([0, 0, 0, 0]);
  }
});

test('C-166 close and order without open, and a second close, return BARRIER_NOT_OPENED', () => {
  const { barrier } = imported({ id: exported().id });
  expect(close(barrier)).toBe(rsm.RSMERR_BARRIER_NOT_OPENED);
  expect(order(barrier)).toBe(rsm.RSMERR_BARRIER_NOT_OPENED);
  expect([open(barrier), close(barrier)]).toEqual([0, 0]);
  expect(close(barrier)).toBe(rsm.RSMERR_BARRIER_NOT_OPENED);
  expect(order(barrier)).toBe(rsm.RSMERR_BARRIER_NOT_OPENED);
});

test('C-167 open on an open barrier succeeds and restarts the span', () => {
  const { barrier } = imported({ id: exported().id });
  expect([open(barrier), open(barrier), close(barrier)]).toEqual([0, 0, 0]);
  expect(close(barrier)).toBe(rsm.RSMERR_BARRIER_NOT_OPENED);
});

test('C-168 order leaves the barrier open', () => {
  const { barrier } = imported({ id: exported().id });
  expect([open(barrier), order(barrier), order(barrier), close(barrier)]).toEqual([0, 0, 0, 0]);
});

test('C-169 a barrier opened before or after a forced disconnect returns CONN_ABORTED at order and close', () => {
  const { segment: owner, id } = exported();
  const before = imported({ id }).barrier;
  const after = imported({ id }).barrier;
  expect(open(before)).toBe(0);
  expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
  expect([open(after)]).toEqual([0]);
  for (const barrier of [before, after]) {
    expect(order(barrier)).toBe(rsm.RSMERR_CONN_ABORTED);
    expect(close(barrier)).toBe(rsm.RSMERR_CONN_ABORTED);
    expect(open(barrier)).toBe(0);
    expect(close(barrier)).toBe(rsm.RSMERR_CONN_ABORTED);
  }
});

test('C-169 the api throws it from close', () => {
  const owner = openEnd('exporting').createExport(allocate(PAGE));
  const segment = openEnd('importing').connectSync({ node: EXPORTER, id: owner.publish() });
  const barrier = segment.barrier();
  barrier.open();
  segment.put(0, one);
  owner.unpublish();
  segment.put(0, one); // unchecked between open and close
  let error: RsmError | undefined;
  try {
    barrier.close();
  } catch (thrown) {
    error = thrown as RsmError;
  }
  expect(error?.code).toBe('RSMERR_CONN_ABORTED');
  segment.close();
  owner.close();
});

test('C-170 a disconnect and connect gives a handle on which close succeeds again', () => {
  const { segment: owner, id } = exported();
  const first = imported({ id });
  expect(rsm.rsm_memseg_export_unpublish(owner)).toBe(0);
  expect(rsm.rsm_memseg_export_publish(owner, rsm.out(0x400170), null, 0)).toBe(0);
  expect(open(first.barrier)).toBe(0);
  expect(close(first.barrier)).toBe(rsm.RSMERR_CONN_ABORTED);
  expect(rsm.rsm_memseg_import_disconnect(first.segment)).toBe(0);
  const second = imported({ id: 0x400170 });
  expect([open(second.barrier), close(second.barrier)]).toEqual([0, 0]);
});

test('C-171 destroy_barrier makes IMPLICIT-mode transfers fail again', () => {
  const { segment, barrier } = imported({ id: exported().id });
  expect(put8(segment, 0, one, 1)).toBe(0);
  expect(destroy(barrier)).toBe(0);
  expect(put8(segment, 0, one, 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
  expect(init(segment, rsm.RSM_BAR_DEFAULT, barrier)).toBe(0);
  expect(put8(segment, 0, one, 1)).toBe(0);
});

test('C-172 a second init_barrier takes over the implicit role; both work explicitly', () => {
  const { segment, barrier: first } = imported({ id: exported().id });
  const second = rsm.rsmapi_barrier();
  expect(init(segment, rsm.RSM_BAR_DEFAULT, second)).toBe(0);
  expect([open(first), open(second), close(first), close(second)]).toEqual([0, 0, 0, 0]);
  expect(destroy(first)).toBe(0);
  expect(put8(segment, 0, one, 1)).toBe(0);
  expect(destroy(second)).toBe(0);
  expect(put8(segment, 0, one, 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
});

test('C-172 an implicit-mode transfer does not end the span of an open barrier', () => {
  const { segment } = imported({ id: exported().id });
  const second = rsm.rsmapi_barrier();
  expect(init(segment, rsm.RSM_BAR_DEFAULT, second)).toBe(0);
  const { segment: other, barrier } = imported({ id: exported().id });
  expect(open(barrier)).toBe(0);
  expect(put8(segment, 0, one, 1)).toBe(0);
  expect(close(barrier)).toBe(0);
  expect(put8(other, 0, one, 1)).toBe(0);
});

test('C-173 set_mode with another value returns BAD_MODE and keeps the mode', () => {
  const { segment } = imported({ id: exported().id });
  const mode = rsm.out<number>();
  for (const set of [rsm.RSM_BARRIER_MODE_EXPLICIT, rsm.RSM_BARRIER_MODE_IMPLICIT]) {
    expect(rsm.rsm_memseg_import_set_mode(segment, set)).toBe(0);
    for (const bad of [2, -1, 0.5, 256, Number.NaN, null, '1', true] as number[]) {
      expect(rsm.rsm_memseg_import_set_mode(segment, bad)).toBe(rsm.RSMERR_BAD_MODE);
      expect(rsm.rsm_memseg_import_get_mode(segment, mode)).toBe(0);
      expect(mode.value).toBe(set);
    }
  }
});

test('C-174 get_mode returns IMPLICIT (1) after connect and the value last set', () => {
  const { segment } = imported({ id: exported().id });
  const mode = rsm.out<number>();
  expect(rsm.rsm_memseg_import_get_mode(segment, mode)).toBe(0);
  expect(mode.value).toBe(1);
  for (const set of [0, 1, 0]) {
    expect(rsm.rsm_memseg_import_set_mode(segment, set)).toBe(0);
    expect(rsm.rsm_memseg_import_get_mode(segment, mode)).toBe(0);
    expect(mode.value).toBe(set);
  }
  expect(rsm.rsm_memseg_import_get_mode(segment, null as never)).toBe(rsm.RSMERR_BAD_ADDR); // D-43
});

test('C-175 the mode is per import segment', () => {
  const { id } = exported();
  const first = imported({ id, barrier: false }).segment;
  const second = imported({ id, barrier: false }).segment;
  expect(rsm.rsm_memseg_import_set_mode(first, rsm.RSM_BARRIER_MODE_EXPLICIT)).toBe(0);
  expect(put8(first, 0, one, 1)).toBe(0);
  expect(put8(second, 0, one, 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
  const mode = rsm.out<number>();
  expect(rsm.rsm_memseg_import_get_mode(second, mode)).toBe(0);
  expect(mode.value).toBe(1);
});
