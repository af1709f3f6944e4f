/**
 * The two words that a barrier looks at (design 3.6), each where it alone can tell: that of the exporter while the
 * importer's agent stands, and that of the importer's agent where the exporter had no time to write.
 */
import { expect, test } from 'vitest';
import { exportIn, until } from '../support/actors.ts';
import type { Peer } from '../support/peer.ts';
import { compile, start } from '../support/program.ts';
import { peer, root } from '../support/scene.ts';

const holder = compile('holder');

interface Kept {
  segment: import('../../src/api/index.ts').ImportSegment;
}

async function bothConnected(): Promise<[exporter: Peer, importer: Peer]> {
  const [exporter, importer] = await Promise.all([peer(), peer()]);
  const id = await exportIn(exporter);
  await importer.run(async ({ api, kept }, wanted: number) => {
    (kept as unknown as Kept).segment = await api.openController().connect({ id: wanted });
  }, id);
  return [exporter, importer];
}

/** What a barrier around one put ends with. */
function spanIn(importer: Peer): Promise<string> {
  return importer.run(({ kept }) => {
    const { segment } = kept as unknown as Kept;
    const barrier = segment.barrier();
    barrier.open();
    try {
      segment.put(0, new Uint8Array([7]));
      barrier.close();
      return 'done';
    } catch (error) {
      return (error as { code: string }).code;
    }
  });
}

test.skipIf(!root)(
  'C-169 a barrier sees a withdrawal that the agent of its process has not seen',
  async () => {
    const [exporter, importer] = await bothConnected();
    expect(await spanIn(importer)).toBe('done');
    const held = start(holder, [importer.pid, 'rsm-agent']);
    expect(await held.line()).toBe('held');
    const withdrawn = exporter.run(({ kept }) => {
      (kept as unknown as { segment: import('../../src/api/index.ts').ExportSegment }).segment.unpublish();
    });
    await until(async () => (await spanIn(importer)) === 'RSMERR_CONN_ABORTED');
    await held.end();
    await withdrawn; // it waits for that agent
    expect(await spanIn(importer)).toBe('RSMERR_CONN_ABORTED');
  },
);

test('C-169 a barrier sees that the exporter was killed, who wrote nothing', async () => {
  const [exporter, importer] = await bothConnected();
  expect(await spanIn(importer)).toBe('done');
  await exporter.kill();
  await until(async () => (await spanIn(importer)) === 'RSMERR_CONN_ABORTED');
});
