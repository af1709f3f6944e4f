/**
 * Connects from node to node through both gateways, with a fabric that only remembers what it was told. What
 * they connect to is published through `ofi0`, which is there where its addon is.
 */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  RSMERR_CONN_ABORTED,
  RSMERR_PERM_DENIED,
  RSMERR_REMOTE_NODE_UNREACHABLE,
  RSMERR_SEG_NOT_PUBLISHED,
  RSMERR_SEG_NOT_PUBLISHED_TO_NODE,
} from '../../src/errors.ts';
import { GatewayClient } from '../../src/node/index.ts';
import { libfabricIsMissing } from '../support/libfabric.ts';
import {
  closables,
  granted,
  type Importer,
  importer,
  PAGE,
  PATIENCE_MS,
  published,
  refusedWith,
  type Scene,
  scene,
} from './fabric.ts';
import { client, cluster, linked, type Started, start, stop, until } from './scene.ts';

describe.skipIf(libfabricIsMissing)('a connect to another node', () => {
  test('is granted: owner, length, keys, and a ticket for the first of a process', async () => {
    const { one, two, fabric } = await scene();
    const segment = published(one);
    const importing = importer(two);
    const first = await granted(importing.connect(segment.id!));
    expect(first.owner).toEqual({ uid: process.getuid!(), pid: process.pid });
    expect(first.grant).toMatchObject({ lengthBytes: PAGE, permission: 0o400, lockOwner: 0 });
    expect(first.grant.data.key).toBeGreaterThan(2n ** 63n);
    expect(first.fabric).toMatchObject(fabric.address);
    expect(first.fabric!.ticket).toHaveLength(32);
    const second = await granted(importing.connect(segment.id!, { importer: first.importer }));
    expect(second.fabric).toBeUndefined();
    expect(second.importer).toBe(first.importer);
    expect(segment.importers).toBe(2);
  });

  test('is the same when it blocks the thread', async () => {
    const { two } = await scene();
    const asked = { type: 'connect', node: 63, id: 1, permission: 0o400 } as const;
    // The gateways are on this thread, so nobody answers; what is asked later is answered all the same.
    expect(client(two).askSync(asked, 50)).toBeUndefined();
    expect(await refusedWith(importer(two).connect(1, { node: 63 }))).toBe(RSMERR_REMOTE_NODE_UNREACHABLE);
  });

  test('never uses the fabric connection of another process, nor one that is gone', async () => {
    const { one, two, fabric } = await scene();
    const segment = published(one);
    const first = await granted(importer(two).connect(segment.id!));
    const thief = await granted(importer(two).connect(segment.id!, { importer: first.importer }));
    expect(thief.importer).not.toBe(first.importer);
    const own = importer(two);
    const before = await granted(own.connect(segment.id!));
    fabric.ended(before.importer);
    const after = await granted(own.connect(segment.id!, { importer: before.importer }));
    expect(after.fabric).toBeDefined();
  });

  test('is refused with the code that is due', async () => {
    const { one, two } = await scene();
    const own = published(one, [{ node: 1, permission: 0o666 }]);
    const importing = importer(two);
    expect(await refusedWith(importing.connect(0x400099))).toBe(RSMERR_SEG_NOT_PUBLISHED);
    expect(await refusedWith(importing.connect(own.id!))).toBe(RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
    expect(await refusedWith(importing.connect(own.id!, { node: 2 }))).toBe(RSMERR_REMOTE_NODE_UNREACHABLE);
    expect(await refusedWith(importing.connect(own.id!, { permission: 0 }))).toBe(RSMERR_PERM_DENIED);
    expect(await refusedWith(importing.connect(1, { node: 9 }))).toBe(RSMERR_REMOTE_NODE_UNREACHABLE);
  });

  test('says that the other node has no fabric, and that it is down', async () => {
    const { one, two, importing, exporting } = await scene();
    const asking = importer(one);
    const without = await asking.connect(1, { node: 2 });
    expect(without).toMatchObject({
      code: RSMERR_REMOTE_NODE_UNREACHABLE,
      detail: expect.stringMatching(/fabric/),
    });
    stop(importing);
    await until('node 1 knows', () => exporting.lines.some(({ msg }) => msg === 'link down'));
    const down = await asking.connect(1, { node: 2 });
    expect(down).toMatchObject({
      code: RSMERR_REMOTE_NODE_UNREACHABLE,
      detail: expect.stringMatching(/not reached/),
    });
    expect(two.id).toBe(2);
  });
});

describe.skipIf(libfabricIsMissing)('the user of another node', () => {
  /** Connects as somebody else: the kernel notes it when the socket is connected. */
  async function as(uid: number, { two }: Scene, id: number): Promise<number> {
    for (const folder of [dirname(two.runtime), two.runtime]) chmodSync(folder, 0o755);
    process.seteuid!(uid);
    let importing: Importer;
    try {
      const dialed = GatewayClient.dial(two.runtime, 0, PATIENCE_MS)!;
      closables.push(dialed);
      importing = {
        client: dialed,
        news: [],
        connect: (asked) =>
          dialed.ask({ type: 'connect', node: 1, id: asked, permission: 0o400 }, PATIENCE_MS),
      };
    } finally {
      process.seteuid!(0);
    }
    const reply = await importing.connect(id);
    return reply?.type === 'refused' ? reply.code : 0;
  }

  /** By others of this node, 0 by a list of no list with the umask. */
  function privately(scene: Scene): number {
    const before = process.umask(0o077);
    try {
      return published(scene.one).id!;
    } finally {
      process.umask(before);
    }
  }

  test.runIf(process.getuid!() === 0).each([
    ['none', 0, 0],
    ['none', 12_345, RSMERR_PERM_DENIED],
    ['unknown', 0, RSMERR_PERM_DENIED],
    ['all', 0, RSMERR_PERM_DENIED],
  ])('with squash = %s uid %i is who he is', async (squash, uid, expected) => {
    const made = await scene(squash);
    expect(await as(uid, made, privately(made))).toBe(expected);
  });
});

describe.skipIf(libfabricIsMissing)('a granted connection', () => {
  test('is revoked, then told to the importer, when the exporter withdraws', async () => {
    const { one, two, fabric } = await scene();
    const segment = published(one);
    const importing = importer(two);
    const { connection, importer: number, grant } = await granted(importing.connect(segment.id!));
    segment.unpublish();
    await until('it is told', () => importing.news.length > 0);
    expect(importing.news).toEqual([{ type: 'aborted', connection, code: RSMERR_CONN_ABORTED }]);
    expect(fabric.calls.at(-1)).toBe(`revoke ${number} ${grant.segment}`);
  });

  test('ends when the process does not want it, and when it releases it over the fabric', async () => {
    const { one, two, fabric } = await scene();
    const segment = published(one);
    const importing = importer(two);
    const first = await granted(importing.connect(segment.id!));
    const second = await granted(importing.connect(segment.id!, { importer: first.importer }));
    importing.client.disconnect(first.connection);
    await until('one is left', () => segment.importers === 1);
    expect(fabric.calls.at(-1)).toBe(`revoke ${first.importer} ${first.grant.segment}`);
    fabric.released(second.importer, second.grant.segment);
    await until('none is left', () => segment.importers === 0);
    await granted(importing.connect(segment.id!));
    expect(importing.news).toEqual([]);
  });

  test('ends with the process', async () => {
    const { one, two, fabric } = await scene();
    const segment = published(one);
    const importing = importer(two);
    const { importer: number } = await granted(importing.connect(segment.id!));
    importing.client.close();
    await until('the importer is ended', () => fabric.calls.includes(`end ${number}`));
    await until('none is left', () => segment.importers === 0);
  });

  test('is aborted on both sides when the link breaks, and can be made anew', async () => {
    const { one, two, fabric, exporting } = await scene();
    const segment = published(one);
    const importing = importer(two);
    const { connection, importer: number } = await granted(importing.connect(segment.id!));
    stop(exporting);
    await until('it is told', () => importing.news.length > 0);
    expect(importing.news).toEqual([{ type: 'aborted', connection, code: RSMERR_CONN_ABORTED }]);
    expect(fabric.calls).toContain(`end ${number}`);
    await until('none is left', () => segment.importers === 0);
    await start(one, { openTarget: fabric.open });
    await linked(one, two);
    await granted(importing.connect(segment.id!));
  });

  test('ends before the next connect where the process says that its fabric connection broke', async () => {
    const { one, two, fabric } = await scene();
    const segment = published(one);
    const [importing, other] = [importer(two), importer(two)];
    const { importer: number } = await granted(importing.connect(segment.id!));
    other.client.importerGone(1, number); // not its own
    await granted(other.connect(segment.id!));
    expect(fabric.calls).not.toContain(`end ${number}`);
    importing.client.importerGone(1, number);
    importing.client.importerGone(9, number);
    const { importer: next } = await granted(importing.connect(segment.id!));
    const ended = fabric.calls.indexOf(`end ${number}`);
    expect(ended).toBeGreaterThan(0);
    expect(ended).toBeLessThan(fabric.calls.indexOf(`grant ${next}`));
  });

  test('is lost to its process when its own gateway ends', async () => {
    const { one, two, importing: gateway } = await scene();
    const segment = published(one);
    let ended = false;
    const dialed = GatewayClient.dial(two.runtime, process.getuid!(), PATIENCE_MS, undefined, () => {
      ended = true;
    })!;
    const asked = { type: 'connect', node: 1, id: segment.id!, permission: 0o400 } as const;
    await granted(dialed.ask(asked, PATIENCE_MS));
    stop(gateway);
    await until('the process knows', () => ended);
    expect(dialed.isOpen).toBe(false);
    expect(await dialed.ask(asked, PATIENCE_MS)).toBeUndefined();
    await until('none is left', () => segment.importers === 0);
  });
});

describe.skipIf(libfabricIsMissing)('a fabric connection that ends', () => {
  const refusals = ({ lines }: Started) => lines.filter(({ msg }) => msg === 'refused');
  const who = `node 2, uid ${process.getuid!()}`;

  test('is spoken of where its process says nothing, and not where that or its end explains it', async () => {
    const { one, two, fabric, exporting } = await scene();
    const { id } = published(one);
    const [silent, dying, honest] = [importer(two), importer(two), importer(two)];
    const several = async (of: Importer, count: number) => {
      const first = await granted(of.connect(id!));
      for (let more = 1; more < count; more += 1)
        await granted(of.connect(id!, { importer: first.importer }));
      return first.importer;
    };
    const [ofDying, ofHonest, ofSilent] = [
      await several(dying, 2),
      await several(honest, 3),
      await several(silent, 1),
    ];
    fabric.ended(ofDying);
    fabric.ended(ofHonest);
    fabric.ended(ofSilent);
    dying.client.close();
    honest.client.importerGone(1, ofHonest);
    await until('it is said', () => refusals(exporting).length > 0);
    expect(refusals(exporting)).toEqual([
      expect.objectContaining({ who, why: expect.stringContaining('while it had 1 segments') }),
    ]);
  });
});

describe.skipIf(libfabricIsMissing)('a process that does not keep to the rules', () => {
  test.each([
    ['no JSON', 'x'],
    ['another message', '{"type":"stop"}'],
    ['a path for a record', '{"type":"shown","connection":1,"record":"../1.0.1","slot":0}'],
    ['a number out of range', '{"type":"topology","request":-1}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a text for a number', '{"type":"connect","request":1,"node":"1","id":1,"permission":256}'],
  ])('%s costs it its socket and nobody else anything', async (_name, text) => {
    const { one, two } = await scene();
    const segment = published(one);
    const honest = importer(two);
    await granted(honest.connect(segment.id!));
    const socket = createConnection(join(two.runtime, 'gateway.s'));
    const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
    const header = Buffer.alloc(4);
    header.writeUInt32LE(text.length);
    socket.end(Buffer.concat([header, Buffer.from(text)]));
    socket.resume();
    await closed;
    await granted(honest.connect(segment.id!));
  });

  test('gives back only what it has', async () => {
    const { one, two } = await scene();
    const segment = published(one);
    const { connection } = await granted(importer(two).connect(segment.id!));
    const other = importer(two);
    for (const number of [connection, connection + 1, 0]) other.client.disconnect(number);
    await granted(other.connect(segment.id!));
    expect(segment.importers).toBe(2);
  });

  test('somebody else\u2019s socket in a directory for everybody is not the gateway', async () => {
    const { two } = await scene();
    expect(GatewayClient.dial(two.runtime, 4711, PATIENCE_MS)).toBeUndefined();
  });
});

test.runIf(process.getuid!() === 0).each(['gateway.lock', 'gateway.s'])(
  '%s of somebody else in a directory for everybody is named with its owner',
  async (name) => {
    const { nodes } = await cluster([1]);
    const { runtime } = nodes.get(1)!;
    mkdirSync(runtime, { mode: 0o1777 });
    writeFileSync(join(runtime, name), '');
    chownSync(join(runtime, name), 4711, 4711);
    await expect(start(nodes.get(1)!)).rejects.toThrow(`${join(runtime, name)} belongs to uid 4711`);
  },
);

test('there is one gateway of a node', async () => {
  const { one, two } = await scene();
  await expect(start(one)).rejects.toThrow(/has a gateway already/);
  await linked(one, two);
});
