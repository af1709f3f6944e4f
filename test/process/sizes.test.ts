/** From one page to more than a view can show. */
import { availableParallelism, freemem } from 'node:os';
import { expect, test } from 'vitest';
import { exportIn, type Held, importIn } from '../support/actors.ts';
import { peer } from '../support/scene.ts';

const GIB = 1024 ** 3;
const nodeMajor = Number(process.versions.node.split('.')[0]);

test.each([
  ['one page', 1],
  ['64 MiB', 16_384],
])('%s: every page arrives, at both ends', async (_, pages) => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter, { pages, fill: [1, 2] });
  await exporter.run(({ kept }) => {
    const words = new Uint32Array((kept as unknown as Held).memories[0]!);
    for (let page = 0; page * 1024 < words.length; page += 1) words[page * 1024] = page;
  });
  await importIn(importer, id, 'whole');
  const wrong = await importer.run(({ kept }) => {
    const { imports, views } = kept as unknown as Held;
    const words = new Uint32Array(views[0]!.buffer);
    const last = new Uint32Array(1);
    let wrongPages = 0;
    for (let page = 0; page * 1024 < words.length; page += 1)
      if (words[page * 1024] !== page) wrongPages += 1;
    imports[0]!.get(views[0]!.length - 4096, last);
    if (last[0] !== words.length / 1024 - 1) wrongPages += 1;
    views[0]![views[0]!.length - 1] = 0x77;
    return wrongPages;
  });
  expect(wrong).toBe(0);
  const lastByte = await exporter.run(({ kept }) =>
    new Uint8Array((kept as unknown as Held).memories[0]!).at(-1),
  );
  expect(lastByte).toBe(0x77);
});

test.skipIf(nodeMajor >= 22)(
  'beyond 4 GiB, where views end on Node 20: a clear error, nothing allocated',
  async () => {
    const actor = await peer();
    const allocation = actor.run(({ api }, bytes: number) => api.allocate(bytes).byteLength, 4 * GIB + 4096);
    await expect(allocation).rejects.toMatchObject({ code: expect.stringMatching(/^RSMERR_/) });
    await expect(allocation).rejects.toThrow(/this Node.js version/);
  },
);

const noRoom = freemem() < 14 * GIB || availableParallelism() < 2;
// Skipped on Node 20 because its views end at 4 GiB, and where there is no room for 6 GiB of memory.
test.skipIf(nodeMajor < 22 || noRoom)('6 GiB: offsets beyond 32 bits reach the right page', async () => {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exporter.run(({ api, kept }, bytes: number) => {
    const held = kept as unknown as Held;
    held.controller = api.openController();
    held.memories = [api.allocate(bytes)];
    held.segment = held.controller.createExport(held.memories[0]!);
    return held.segment.publish();
  }, 6 * GIB);
  await importIn(importer, id, 'whole');
  const far = 5 * GIB + 12_288;
  const got = await importer.run(({ kept }, offset: number) => {
    const { imports, views } = kept as unknown as Held;
    imports[0]!.put(offset, new Uint8Array([1, 2, 3]));
    views[0]![offset + 3] = 4;
    return [views[0]![offset], views[0]![offset - 4 * 1024 ** 3]];
  }, far);
  expect(got).toEqual([1, 0]);
  const seen = await exporter.run(({ kept }, offset: number) => {
    const bytes = new Uint8Array((kept as unknown as Held).memories[0]!);
    return [...bytes.subarray(offset, offset + 4)];
  }, far);
  expect(seen).toEqual([1, 2, 3, 4]);
});
