/** rsm_memseg_import_connect and disconnect (rsmapi.md 2.5). */
import { describe, expect, test } from 'vitest';
import { allocate, type RsmError } from '../../src/api/index.ts';
import * as rsm from '../../src/librsm/index.ts';
import {
  ALICE,
  connectCode,
  controller,
  EXPORTER,
  exported,
  IMPORTER,
  imported,
  later,
  needs,
  openEnd,
  PAGE,
  peer,
  root,
} from '../support/scene.ts';

type ImportHandle = rsm.rsm_memseg_import_handle_t;
const { rsm_memseg_import_connect: connect, rsm_memseg_import_disconnect: disconnect } = rsm;
const pollfd = (): rsm.pollfd => ({ fd: -1, events: 0, revents: 0 });
const byte = (value = 0): Uint8Array => new Uint8Array([value]);

test('C-100 connect with an invalid controller returns BAD_CTLR_HNDL before every other check', () => {
  const { id } = exported();
  for (const bad of [null, undefined, {}, exported().segment] as never[]) {
    expect(connect(bad, EXPORTER, id, 0o600, rsm.out())).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
    expect(connect(bad, 9, 1, 0o777, null as never)).toBe(rsm.RSMERR_BAD_CTLR_HNDL);
  }
});

test('C-100 then comes the pointer: BAD_SEG_HNDL (D-43)', () => {
  expect(connect(controller(), 9, 1, 0o777, null as never)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
});

test.each([0o100, 0o644, 0o700, 0o1000, 0o6000])('C-101 mode %i has other bits: PERM_DENIED', (mode) => {
  expect(connectCode(exported().id, mode)).toBe(rsm.RSMERR_PERM_DENIED);
  expect(connectCode(0x4fffff, mode, 7)).toBe(rsm.RSMERR_PERM_DENIED);
});

test('C-102 mode 0 returns PERM_DENIED (D-16)', () => {
  expect(connectCode(exported().id, 0)).toBe(rsm.RSMERR_PERM_DENIED);
});

test.each([EXPORTER + 2, 63, 64, 0xffffffff])(
  'C-103 connect over loopback to node %i returns CTLR_NOT_PRESENT',
  (node) => {
    const loopback = rsm.out<rsm.rsmapi_controller_handle_t>();
    expect(rsm.rsm_get_controller('loopback', loopback)).toBe(0);
    later(() => rsm.rsm_release_controller(loopback.value!));
    const code = connect(loopback.value!, node, exported().id, 0o600, rsm.out());
    expect(code).toBe(rsm.RSMERR_CTLR_NOT_PRESENT);
  },
);

test('C-104 connect to an id that is not published returns SEG_NOT_PUBLISHED', () => {
  for (const id of [0x4abcde, 0, 1, 0xffffffff]) expect(connectCode(id)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
  const { segment, id } = exported();
  expect(rsm.rsm_memseg_export_unpublish(segment)).toBe(0);
  expect(connectCode(id)).toBe(rsm.RSMERR_SEG_NOT_PUBLISHED);
});

test('C-105 a stopped exporting process counts as unreachable', async () => {
  const exporter = await peer();
  const id = await exporter.export();
  await exporter.stop();
  later(() => exporter.resume());
  expect(connectCode(id)).toBe(rsm.RSMERR_REMOTE_NODE_UNREACHABLE);
  exporter.resume();
  expect(connectCode(id)).toBe(0);
});

describe('C-107 several connections', () => {
  test('C-107 a process imports its own export several times; the handles are independent', () => {
    const { id, bytes } = exported();
    const first = imported({ id, barrier: false });
    const second = imported({ id });
    expect(first.segment).not.toBe(second.segment);
    expect(rsm.rsm_memseg_import_put8(second.segment, 1, byte(4), 1)).toBe(0);
    expect(rsm.rsm_memseg_import_put8(first.segment, 1, byte(4), 1)).toBe(rsm.RSMERR_BARRIER_UNINITIALIZED);
    expect(disconnect(first.segment)).toBe(0);
    expect(rsm.rsm_memseg_import_put8(second.segment, 2, byte(5), 1)).toBe(0);
    expect([bytes[1], bytes[2]]).toEqual([4, 5]);
  });
});

test('C-108 connect returns a null handle on failure', () => {
  const stale = {} as ImportHandle;
  const failures: [number, number, number][] = [
    [EXPORTER, 0x4abcde, 0o600],
    [9, 0x4abcde, 0o600],
    [EXPORTER, exported().id, 0o700],
  ];
  for (const [node, id, mode] of failures) {
    const handle = rsm.out<ImportHandle>(stale);
    expect(connect(controller(), node, id, mode, handle)).toBeGreaterThan(0);
    expect(handle.value ?? null).toBeNull();
  }
});

describe('C-109 unpublish during a connect', () => {
  test('C-109 is INTERRUPTED or SEG_NOT_PUBLISHED, never something else', async () => {
    const exporter = await peer();
    const id = await exporter.export({ id: 0x400109 });
    const toggling = exporter.run(async ({ rsm, kept }, target: number) => {
      for (let n = 0; n < 300; n++) {
        rsm.rsm_memseg_export_unpublish(kept.exported.segment);
        rsm.rsm_memseg_export_publish(kept.exported.segment, rsm.out(target), null, 0);
        if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }, id);
    const codes = new Set<number>();
    let done = false;
    void toggling.finally(() => {
      done = true;
    });
    while (!done) {
      codes.add(connectCode(id));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await toggling;
    codes.delete(0);
    codes.delete(rsm.RSMERR_SEG_NOT_PUBLISHED);
    codes.delete(rsm.RSMERR_INTERRUPTED);
    expect([...codes]).toEqual([]);
    expect(connectCode(id)).toBe(0);
  });

  test('C-109 a connect that is given up rejects with INTERRUPTED', async () => {
    const exporter = await peer();
    const id = await exporter.export();
    await exporter.stop();
    later(() => exporter.resume());
    const abort = new AbortController();
    const connecting = openEnd('importing').connect({ node: EXPORTER, id, signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    const error = await connecting.then(
      () => undefined,
      (reason: RsmError) => reason,
    );
    expect(error?.code).toBe('RSMERR_INTERRUPTED');
  });

  test('C-109 a connect that is given up does not wait for one that goes on', async () => {
    const exporter = await peer();
    const target = { node: EXPORTER, id: await exporter.export() };
    await exporter.stop();
    later(() => exporter.resume());
    const importing = openEnd('importing');
    let done = false;
    const goesOn = importing.connect(target).finally(() => {
      done = true;
    });
    const abort = new AbortController();
    const givenUp = importing.connect({ ...target, signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    await expect(givenUp).rejects.toMatchObject({ code: 'RSMERR_INTERRUPTED' });
    expect(done).toBe(false);
    exporter.resume();
    (await goesOn).close();
  });

  test('C-109 a connect that was given up before it began rejects with INTERRUPTED, published or not', async () => {
    const { id } = exported();
    const opened = openEnd('importing');
    const signal = AbortSignal.abort();
    for (const wanted of [id, 0x7ffffff0]) {
      await expect(opened.connect({ node: EXPORTER, id: wanted, signal })).rejects.toMatchObject({
        code: 'RSMERR_INTERRUPTED',
        cause: signal.reason,
      });
    }
  });
});

test('C-110 the granted mode is the requested one, not more', () => {
  const { id } = exported();
  const { segment } = imported({ id, mode: 0o400 });
  expect(rsm.rsm_memseg_import_put8(segment, 0, byte(), 1)).toBe(rsm.RSMERR_PERM_DENIED);
  expect(rsm.rsm_memseg_import_get8(segment, 0, byte(), 1)).toBe(0);
});

needs('map')(
  'C-111 disconnect of an explicitly mapped segment returns SEG_STILL_MAPPED; after unmap it succeeds',
  () => {
    const { segment } = imported({ id: exported().id });
    expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, 0, PAGE)).toBe(0);
    expect(disconnect(segment)).toBe(rsm.RSMERR_SEG_STILL_MAPPED);
    expect(rsm.rsm_memseg_import_put8(segment, 0, byte(), 1)).toBe(0);
    expect(rsm.rsm_memseg_import_unmap(segment)).toBe(0);
    expect(disconnect(segment)).toBe(0);
  },
);

needs('map')('C-111 SEG_STILL_MAPPED comes before POLLFD_IN_USE', () => {
  const { segment } = imported({ id: exported().id });
  expect(rsm.rsm_memseg_import_map(segment, rsm.out(), 0, 0o600, 0, PAGE)).toBe(0);
  expect(rsm.rsm_memseg_get_pollfd(segment, pollfd())).toBe(0);
  expect(disconnect(segment)).toBe(rsm.RSMERR_SEG_STILL_MAPPED);
});

test('C-112 disconnect of an implicitly mapped segment succeeds without unmap', () => {
  const { segment } = imported({ id: exported().id });
  expect(rsm.rsm_memseg_import_get8(segment, 0, byte(), 1)).toBe(0);
  expect(disconnect(segment)).toBe(0);
});

test('C-113 disconnect with a pollfd reference returns POLLFD_IN_USE; an implicit mapping is gone by then', () => {
  const { segment } = imported({ id: exported().id });
  expect(rsm.rsm_memseg_import_get8(segment, 0, byte(), 1)).toBe(0);
  expect(rsm.rsm_memseg_get_pollfd(segment, pollfd())).toBe(0);
  expect(disconnect(segment)).toBe(rsm.RSMERR_POLLFD_IN_USE);
  expect(rsm.rsm_memseg_import_unmap(segment)).toBe(rsm.RSMERR_SEG_NOT_MAPPED);
  expect(rsm.rsm_memseg_import_get8(segment, 0, byte(), 1)).toBe(0);
  expect(rsm.rsm_memseg_release_pollfd(segment)).toBe(0);
  expect(disconnect(segment)).toBe(0);
});

test('C-114 disconnect of an aborted segment succeeds', () => {
  const { segment: owner, id } = exported();
  const untouched = imported({ id }).segment;
  const transferred = imported({ id }).segment;
  expect(rsm.rsm_memseg_import_get8(transferred, 0, byte(), 1)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(owner)).toBe(0);
  expect(disconnect(untouched)).toBe(0);
  expect(disconnect(transferred)).toBe(0);
});

test('C-115 after disconnect a post reaches the others only, and the handle is invalid', () => {
  const { segment: owner, id } = exported();
  const gone = imported({ id }).segment;
  const stays = imported({ id }).segment;
  expect(disconnect(gone)).toBe(0);
  expect(rsm.rsm_intr_signal_post(owner, 0)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(stays, 1000)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(gone, 0)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  expect(disconnect(gone)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
});

test.each(['exits', 'is killed'])('C-116 an importer that %s is disconnected', async (how) => {
  const segment = openEnd('exporting').createExport(allocate(PAGE));
  const id = segment.publish();
  const importer = await peer();
  await importer.import({ id });
  expect(segment.importers).toBe(1);
  if (how === 'exits') expect(await importer.exit()).toBe(0);
  else await importer.kill();
  await expect.poll(() => segment.importers).toBe(0);
  segment.post(); // reaches nobody, and does no harm
  segment.close();
});

test.skipIf(!root)("C-116 another user's importer cannot keep a segment from being destroyed", async () => {
  const { segment, id } = exported({ access: [{ ae_node: IMPORTER, ae_permission: 0o666 }] });
  const importer = await peer({ uid: ALICE });
  await importer.import({ id });
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  expect(
    await importer.run(({ rsm, kept }) =>
      rsm.rsm_memseg_import_get8(kept.imported.segment, 0, new Uint8Array(1), 1),
    ),
  ).toBe(rsm.RSMERR_CONN_ABORTED);
});
