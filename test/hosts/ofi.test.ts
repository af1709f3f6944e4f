/** A segment of another node: what holds on one node holds here, but for mapping. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/actors.ts';
import { world } from '../support/hosts.ts';
import type { Peer } from '../support/peer.ts';
import {
  abortOf,
  bytesOf,
  closeOn,
  connectOn,
  exportOn,
  getOn,
  importersOf,
  type Kept,
  putOn,
} from './actors.ts';

const { machines } = await world(2);
const [one, two] = machines as [(typeof machines)[0], (typeof machines)[0]];
let exporter: Peer;
let importer: Peer;

beforeEach(async () => {
  [exporter, importer] = await Promise.all([one.peer(), two.peer()]);
});
afterEach(async () => {
  await two.endPeers();
  await one.endPeers();
});

test('C-120 C-122 bytes that are put are there, and bytes that are there are got', async () => {
  const id = await exportOn(exporter, { pages: 600 });
  expect(await connectOn(importer, id)).toBe('connected');
  const seen = await importer.run(({ kept }) => {
    const { imported } = kept as unknown as Kept;
    const sent = new Uint8Array(600 * 4096).map((_, at) => (at * 31) % 251);
    const same = (found: Uint8Array, from = 0) => found.every((byte, at) => byte === sent[from + at]);
    imported.put(0, sent);
    const whole = new Uint8Array(sent.length);
    imported.get(0, whole);
    const lengths = [1, 2, 3, 4, 7, 8, 15, 4095, 4097, 65_537].map((length) => {
      const part = new Uint8Array(length);
      imported.get(length * 3, part);
      return same(part, length * 3);
    });
    return { owner: imported.owner, byteLength: imported.byteLength, whole: same(whole), lengths };
  });
  expect(seen).toEqual({
    owner: { uid: process.getuid!(), pid: exporter.pid },
    byteLength: 600 * 4096,
    whole: true,
    lengths: Array(10).fill(true),
  });
  expect(await bytesOf(exporter, 0, 4096, 3)).toEqual([4096, 4097, 4098].map((at) => (at * 31) % 251));
});

test('asynchronous transfers, and vectors', async () => {
  await connectOn(importer, await exportOn(exporter));
  const got = await importer.run(async ({ kept }) => {
    const { imported } = kept as unknown as Kept;
    const bytes = new Uint8Array(4096);
    await Promise.all(
      [1, 2, 3, 4].map((value) => imported.putAsync(value * 100, new Uint8Array(100).fill(value))),
    );
    await imported.getAsync(0, bytes);
    const found = [99, 100, 199, 200, 399, 499, 500].map((at) => bytes[at]);
    return found;
  });
  expect(got).toEqual([1, 1, 1, 2, 3, 4, 1]);
});

test('a barrier that closes well says that everything before it is there', async () => {
  await connectOn(importer, await exportOn(exporter));
  for (let round = 1; round <= 20; round++) {
    await importer.run(({ kept }, value: number) => {
      const { imported } = kept as unknown as Kept;
      const barrier = imported.barrier().open();
      for (let at = 0; at < 64; at++) imported.put(at, Uint8Array.of(value));
      barrier.close();
    }, round);
    expect(await bytesOf(exporter, 0, 0, 64)).toEqual(Array(64).fill(round));
  }
});

test('events go both ways, and none is lost', async () => {
  await connectOn(importer, await exportOn(exporter));
  const counted = exporter.run(async ({ kept }) => {
    const { segment } = kept as unknown as Kept;
    for (let count = 0; count < 50; count++) await segment.wait();
    for (let count = 0; count < 30; count++) segment.post();
    return segment.waitSync(0);
  });
  const answered = await importer.run(async ({ kept }) => {
    const { imported } = kept as unknown as Kept;
    for (let count = 0; count < 50; count++) imported.post();
    for (let count = 0; count < 30; count++) await imported.wait();
    return imported.waitSync(50);
  });
  expect([await counted, answered]).toEqual([false, false]);
});

test('C-050 C-051 C-053 a rebind exchanges the memory under a live connection', async () => {
  await connectOn(importer, await exportOn(exporter));
  expect(await getOn(importer, 5000)).toBe(1);
  for (const [memory, value] of [
    [1, 2],
    [0, 1],
    [1, 2],
  ] as const) {
    await importer.run(({ kept }) => void (kept as unknown as Kept).imported.barrier().open());
    await exporter.run(({ kept }, index: number) => {
      const held = kept as unknown as Kept;
      held.segment.rebind(held.memories[index]!);
    }, memory);
    await importer.run(({ kept }) => (kept as unknown as Kept).imported.barrier().close());
    expect(await getOn(importer, 5000)).toBe(value);
  }
  expect(await putOn(importer, 1, 9)).toBe('done');
  expect(await bytesOf(exporter, 1, 0, 3)).toEqual([2, 9, 2]);
});

test('C-084 C-086 C-121 the access list of the exporter decides', async () => {
  const id = await exportOn(exporter, { permission: 0o444 });
  expect(await connectOn(importer, id, 'r')).toBe('connected');
  expect(await putOn(importer, 0, 1)).toBe('RSMERR_PERM_DENIED');
  expect(await getOn(importer, 0)).toBe(1);
  expect(await connectOn(importer, id + 1)).toBe('RSMERR_SEG_NOT_PUBLISHED');
  await exporter.run(({ kept }) =>
    (kept as unknown as Kept).segment.republish([{ node: 1, permission: 0o666 }]),
  );
  expect(await connectOn(importer, id, 'r')).toBe('RSMERR_SEG_NOT_PUBLISHED_TO_NODE');
});

test('what is withdrawn is out of reach, and the importer is told', async () => {
  const id = await exportOn(exporter);
  await connectOn(importer, id);
  const told = abortOf(importer);
  await exporter.run(({ kept }) => (kept as unknown as Kept).segment.unpublish());
  expect(await putOn(importer, 0, 7)).toBe('RSMERR_CONN_ABORTED');
  expect(await getOn(importer, 0)).toBe('RSMERR_CONN_ABORTED');
  expect(await told).toBe('RSMERR_CONN_ABORTED');
  expect(await bytesOf(exporter, 0, 0, 1)).toEqual([1]);
  expect(await connectOn(importer, id)).toBe('RSMERR_SEG_NOT_PUBLISHED');
});

test('importers are counted, and gone when they close', async () => {
  const id = await exportOn(exporter);
  await connectOn(importer, id);
  expect(await importersOf(exporter)).toBe(1);
  await closeOn(importer);
  await until(async () => (await importersOf(exporter)) === 0);
  await connectOn(importer, id);
  expect(await getOn(importer, 0)).toBe(1);
});

test('C-106 there is no mapping of another node\u2019s memory, but of the own, also by loopback', async () => {
  const id = await exportOn(exporter);
  const map = (peer: Peer) =>
    peer.run(({ kept }) => {
      try {
        return new Uint8Array((kept as unknown as Kept).imported.map())[0];
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  await connectOn(importer, id);
  expect(await map(importer)).toBe('RSMERR_MAP_FAILED');
  for (const controller of ['ofi0', 'loopback']) {
    const local = await one.peer();
    await local.run(({ api, kept }, name: string) => {
      (kept as unknown as Kept).controller = api.openController(name);
    }, controller);
    await connectOn(local, id);
    expect(await map(local)).toBe(1);
  }
});

test('many segments share what carries them, and end one by one', async () => {
  const ids = await exporter.run(({ api, kept }) => {
    const held = kept as unknown as Kept;
    held.controller = api.openController('ofi0');
    return Array.from({ length: 40 }, (_, value) => {
      const memory = api.allocate(4096);
      new Uint8Array(memory).fill(value);
      return held.controller.createExport(memory).publish({ access: [{ node: 2, permission: 0o666 }] });
    });
  });
  const read = await importer.run(async ({ api }, all: number[]) => {
    const controller = api.openController('ofi0');
    const imports = await Promise.all(all.map((id) => controller.connect({ node: 1, id })));
    const byte = new Uint8Array(1);
    return imports.map((imported, index) => {
      imported.get(0, byte);
      if (index % 2 === 0) imported.close();
      return byte[0];
    });
  }, ids);
  expect(read).toEqual(ids.map((_, value) => value));
});
