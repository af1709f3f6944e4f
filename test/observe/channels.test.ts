/** What the library tells as it happens. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { allocate, openController } from '../../src/api/index.ts';
import { CHANNELS } from '../../src/observe/index.ts';
import { exportIn, signalTo, until } from '../support/actors.ts';
import { later, peer } from '../support/scene.ts';

type Message = Record<string, unknown>;

/** Everything that is told from now on to the end of the test: the channel, then the message. */
function listen(): [string, Message][] {
  const heard: [string, Message][] = [];
  for (const name of Object.keys(CHANNELS)) {
    const hear = (message: unknown) => heard.push([name, message as Message]);
    subscribe(`rsm:${name}`, hear);
    later(() => unsubscribe(`rsm:${name}`, hear));
  }
  return heard;
}

test('publish, rebind, unpublish of an exporter', () => {
  const heard = listen();
  const controller = openController();
  const segment = controller.createExport(allocate(4096), { allowRebind: true });
  segment.rebind(allocate(4096));
  const id = segment.publish();
  segment.rebind(allocate(4096));
  expect(() => segment.publish()).toThrow();
  segment.unpublish();
  segment.publish({ id: 0x400000 });
  segment.close();
  controller.close();
  expect(heard).toEqual([
    ['rebind', { node: 0, id: 0, byteLength: 4096 }],
    ['publish', { node: 0, id, byteLength: 4096 }],
    ['rebind', { node: 0, id, byteLength: 4096 }],
    ['unpublish', { node: 0, id }],
    ['publish', { node: 0, id: 0x400000, byteLength: 4096 }],
    ['unpublish', { node: 0, id: 0x400000 }],
  ]);
});

test('connect and refuse of an importer, in both ways of connecting', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter, { permission: 0o444, readOnly: true });
  const heard = listen();
  const controller = openController();
  controller.connectSync({ id, mode: 'r' }).close();
  (await controller.connect({ id, mode: 'r' })).close();
  expect(() => controller.connectSync({ id })).toThrow();
  await expect(controller.connect({ id: 0x400000, mode: 'r' })).rejects.toThrow();
  controller.close();
  const owner = { uid: process.getuid!(), pid: exporter.pid };
  const made = ['connect', { node: 0, id, permission: 0o400, byteLength: 8192, owner }];
  expect(heard).toEqual([
    made,
    made,
    ['refuse', { node: 0, id, permission: 0o600, code: 'RSMERR_PERM_DENIED' }],
    ['refuse', { node: 0, id: 0x400000, permission: 0o400, code: 'RSMERR_SEG_NOT_PUBLISHED' }],
  ]);
});

test('abort, once for each connection, whoever else listens, and not for those that were closed', async () => {
  const exporter = await peer();
  const id = await exportIn(exporter);
  const controller = openController();
  // Connected before anybody subscribed.
  const segments = [1, 2, 3].map(() => controller.connectSync({ id }));
  controller.close();
  const heard = listen();
  const aborted = segments[0]!.aborted;
  segments.pop()!.close();
  await signalTo(exporter, 'SIGKILL');
  await aborted;
  expect(await segments[0]!.aborted).toMatchObject({ code: 'RSMERR_CONN_ABORTED' });
  await until(() => heard.length >= 2);
  for (const segment of segments) segment.close();
  const owner = { uid: process.getuid!(), pid: exporter.pid };
  expect(heard).toEqual(Array(2).fill(['abort', { node: 0, id, owner }]));
});

test.each([
  ['rsm', true],
  ['other', false],
])('NODE_DEBUG=%s', async (section, expected) => {
  const talker = await peer({ env: { NODE_DEBUG: section } });
  let said = '';
  talker.process.stderr!.on('data', (text) => {
    said += text;
  });
  await exportIn(talker, { id: 0x400000 });
  await talker.exit();
  expect(/^RSM \d+: publish \{ node: 0, id: 4194304, byteLength: 8192 \}$/m.test(said)).toBe(expected);
});
