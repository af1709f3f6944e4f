/** What both nodes show of a connection between them: as of one within a node. */
import { expect } from 'vitest';
import { activity, importersOf, snapshot } from '../../src/observe/index.ts';
import { until } from '../support/actors.ts';
import { rsmJson } from '../support/rsm.ts';
import { keep, nodeOf, pair, test } from './scene.ts';

const importsOf = (node: number) => snapshot(nodeOf(node).runtime).imports;

test('the importing node shows the connection, and counts what goes over it', async () => {
  const { imported, exported, id } = pair();
  imported.put(0, new Uint8Array(100));
  await imported.putAsync(0, new Uint8Array(20));
  imported.get(0, new Uint8Array(7));
  exported.post();
  await imported.wait({ timeoutMs: 20_000 });
  exported.post();
  imported.waitSync(20_000);
  imported.post();
  const [shown, ...others] = importsOf(2);
  expect(others).toEqual([]);
  expect(shown).toMatchObject({
    importer: { pid: process.pid, node: 2 },
    remote: true,
    node: 1,
    id,
    permission: 0o600,
    owner: { pid: process.pid },
    connected: true,
    counters: { puts: 2, bytesPut: 120, gets: 1, bytesGot: 7, posts: 1, waits: 2 },
  });
  const aborted = imported.aborted;
  exported.unpublish();
  await aborted;
  expect(importsOf(2)).toMatchObject([{ connected: false }]);
  imported.close();
  expect(importsOf(2)).toEqual([]);
});

test('the exporting node shows who is connected from where, and what he puts and gets', async () => {
  const { imported, importing, exported, id } = pair();
  const before = snapshot(nodeOf(1).runtime);
  const other = keep(importing.connectSync({ node: 1, id, mode: 'r' }));
  imported.put(0, new Uint8Array(100));
  other.get(0, new Uint8Array(7));
  await until(() => importsOf(1).filter(({ counters }) => counters.puts + counters.gets > 0).length === 2);
  const seen = activity(before, snapshot(nodeOf(1).runtime));
  const segment = seen.segments.find((each) => each.segment.id === id)!;
  const shown = importersOf(segment).map(({ importer, own }) => {
    const { puts, bytesPut, gets, bytesGot } = own!.segment.counters;
    return [importer.node, importer.uid, importer.permission, puts, bytesPut, gets, bytesGot];
  });
  const uid = process.geteuid!();
  expect(shown).toEqual([
    [2, uid, 0o600, 1, 100, 0, 0],
    [2, uid, 0o400, 0, 0, 1, 7],
  ]);
  expect(segment.rates.bytesPut).toBeGreaterThan(0);
  expect(seen.others).toEqual([]);
  other.close();
  imported.close();
  await until(() => exported.importers === 0);
  await until(() => importsOf(1).length === 0);
});

test('rsm shows them', async () => {
  const { imported, id } = pair();
  imported.put(0, new Uint8Array(100));
  await until(() => importsOf(1).some(({ counters }) => counters.puts > 0));
  const env = { RSM_CONFIG: nodeOf(1).config, RSM_RUNTIME_DIR: '' };
  type Shown = { importers: { node: number; counters?: { bytesPut: number } }[] };
  const { importers } = await rsmJson<Shown>(['importers', `0x${id.toString(16)}`], { env });
  expect(importers).toMatchObject([{ node: 2, counters: { bytesPut: 100 } }]);
});
