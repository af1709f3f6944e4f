/**
 * What goes wrong between nodes: cables, gateways, processes, in the middle of transfers. Each ends in a
 * documented code; whoever is left works on; a later connect succeeds.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/actors.ts';
import { allUp, GATEWAY_PORT, type Machine, world } from '../support/hosts.ts';
import type { Peer } from '../support/peer.ts';
import {
  abortOf,
  bytesOf,
  connectOn,
  exportOn,
  getOn,
  importersOf,
  type Kept,
  putOn,
  putUntilItFails,
} from './actors.ts';

const { machines, apart, cut, heal, filter, unfilter } = await world(2);
const [one, two] = machines as [Machine, Machine];
let exporter: Peer;
let importer: Peer;
let id: number;

beforeEach(async () => {
  [exporter, importer] = await Promise.all([one.peer(), two.peer()]);
  id = await exportOn(exporter);
  expect(await connectOn(importer, id)).toBe('connected');
});
afterEach(async () => {
  await two.endPeers();
  await one.endPeers();
});

/** The importer is told, the exporter forgets it, and it can be made anew. */
async function expectAnew(): Promise<void> {
  await Promise.all(machines.map((machine) => allUp(machine, machines)));
  await until(async () => (await importersOf(exporter)) === 0);
  expect(await connectOn(importer, id)).toBe('connected');
  expect(await putOn(importer, 1, 77)).toBe('done');
  expect(await bytesOf(exporter, 0, 1, 1)).toEqual([77]);
  expect(await importersOf(exporter)).toBe(1);
}

/** Waits for the first of the puts, which must go well. */
async function underWay(failing: ReturnType<typeof putUntilItFails>): Promise<void> {
  let early: { code: string; good: number } | undefined;
  failing.then(
    (failed) => {
      early = failed;
    },
    () => {}, // whoever started it awaits it
  );
  await until(async () => {
    expect(early, 'a failure before anything was broken').toBeUndefined();
    return (await bytesOf(exporter, 0, 0, 1))[0] !== 1;
  });
}

describe.runIf(apart)('a cable', () => {
  test('that is cut during puts aborts them, and the connection; healed, it can be made anew', async () => {
    const failing = putUntilItFails(importer);
    const told = abortOf(importer);
    await underWay(failing);
    cut(two);
    expect((await failing).code).toBe('RSMERR_CONN_ABORTED');
    expect(await told).toBe('RSMERR_CONN_ABORTED');
    await until(async () => (await importersOf(exporter)) === 0);
    expect(await connectOn(importer, id)).toBe('RSMERR_REMOTE_NODE_UNREACHABLE');
    heal(two);
    await expectAnew();
  });

  test('that is cut while nothing is under way is noticed by the heartbeat', async () => {
    const told = abortOf(importer);
    cut(one);
    expect(await told).toBe('RSMERR_CONN_ABORTED');
    expect(await getOn(importer, 0)).toBe('RSMERR_CONN_ABORTED');
    heal(one);
    await expectAnew();
  });

  test.each<[string, 'input' | 'output']>([
    ['to the exporter', 'input'],
    ['to the importer', 'output'],
  ])('that carries nothing %s is as one that is cut', async (_name, hook) => {
    const failing = putUntilItFails(importer);
    filter(one, hook);
    expect((await failing).code).toBe('RSMERR_CONN_ABORTED');
    await until(async () => (await importersOf(exporter)) === 0);
    unfilter(one);
    await expectAnew();
  });

  /** The gateways hear each other; what goes over the fabric does not come. */
  const cutFabric = () => filter(one, 'input', 'tcp', 'sport', '!=', String(GATEWAY_PORT));

  test('that loses the fabric while a thread does not turn its event loop: it connects anew at once', async () => {
    const [broken, healed] = ['broken', 'healed'].map((name) => join(dirname(two.config), name));
    const blocked = importer.run(
      ({ kept }, wanted: number, said: string, awaited: string) => {
        const { existsSync, writeFileSync } = process.getBuiltinModule('node:fs');
        const held = kept as unknown as Kept;
        const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
        const attempt = (what: () => unknown) => {
          try {
            what();
            return 'done';
          } catch (error) {
            return (error as { code: string }).code;
          }
        };
        const put = (value: number) => attempt(() => held.imported.put(0, Uint8Array.of(value)));
        let code = put(50);
        for (; code === 'done'; code = put(50)) sleep();
        writeFileSync(said, '');
        while (!existsSync(awaited)) sleep();
        const connected = attempt(() => {
          held.imported = held.controller.connectSync({ node: 1, id: wanted, mode: 'rw' });
        });
        return { code, connected, again: put(51) };
      },
      id,
      broken!,
      healed!,
    );
    await until(async () => (await bytesOf(exporter, 0, 0, 1))[0] === 50);
    cutFabric();
    await until(() => existsSync(broken!));
    unfilter(one);
    writeFileSync(healed!, '');
    expect(await blocked).toEqual({ code: 'RSMERR_CONN_ABORTED', connected: 'done', again: 'done' });
    // What the kernel still had of the broken connection has come by now, if anybody took it.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(await bytesOf(exporter, 0, 0, 1)).toEqual([51]);
    expect(await importersOf(exporter)).toBe(1);
  });

  test('that is out for a moment loses nothing', async () => {
    cut(two);
    await new Promise((resolve) => setTimeout(resolve, 300));
    heal(two);
    expect(await putOn(importer, 3, 5)).toBe('done');
    expect(await bytesOf(exporter, 0, 3, 1)).toEqual([5]);
  });

  test('that loses one packet in ten delivers every byte', async () => {
    filter(one, 'input', 'numgen', 'random', 'mod', '10', '0');
    try {
      for (let value = 1; value <= 20; value++) expect(await putOn(importer, value, value)).toBe('done');
      const expected = Array.from({ length: 20 }, (_, index) => index + 1);
      expect(await bytesOf(exporter, 0, 1, 20)).toEqual(expected);
    } finally {
      unfilter(one);
    }
  });
});

describe.each([
  ['the exporting node', one],
  ['the importing node', two],
])('the gateway of %s', (_name, machine) => {
  test('that is killed aborts what went through it; another one finds the segments again', async () => {
    const told = abortOf(importer);
    const failing = putUntilItFails(importer);
    await underWay(failing);
    await machine.endGateway('SIGKILL');
    expect((await failing).code).toBe('RSMERR_CONN_ABORTED');
    expect(await told).toBe('RSMERR_CONN_ABORTED');
    expect(await connectOn(importer, id)).toBe('RSMERR_REMOTE_NODE_UNREACHABLE');
    await machine.startGateway();
    await expectAnew();
  });

  test('that is stopped counts as gone, and works on when it is continued', async () => {
    const failing = putUntilItFails(importer);
    await underWay(failing);
    machine.gateway!.kill('SIGSTOP');
    expect((await failing).code).toBe('RSMERR_CONN_ABORTED');
    expect(await connectOn(importer, id)).toBe('RSMERR_REMOTE_NODE_UNREACHABLE');
    machine.gateway!.kill('SIGCONT');
    await expectAnew();
  });
});

describe('a process', () => {
  test('that exports and is killed aborts its importers; its segment is gone', async () => {
    const told = abortOf(importer);
    const failing = putUntilItFails(importer);
    await underWay(failing);
    await exporter.kill();
    expect((await failing).code).toBe('RSMERR_CONN_ABORTED');
    expect(await told).toBe('RSMERR_CONN_ABORTED');
    expect(await connectOn(importer, id)).toBe('RSMERR_SEG_NOT_PUBLISHED');
    exporter = await one.peer();
    id = await exportOn(exporter);
    expect(await connectOn(importer, id)).toBe('connected');
  });

  test('that imports and is killed is forgotten', async () => {
    const failing = putUntilItFails(importer);
    failing.catch(() => {}); // it is killed meanwhile
    await underWay(failing);
    await importer.kill();
    await until(async () => (await importersOf(exporter)) === 0);
    importer = await two.peer();
    expect(await connectOn(importer, id)).toBe('connected');
  });

  test('that imports and is stopped hinders nobody: not a rebind, not a withdrawal', async () => {
    const other = await two.peer();
    expect(await connectOn(other, id)).toBe('connected');
    await importer.stop();
    await exporter.run(({ kept }) => {
      const held = kept as unknown as Kept;
      held.segment.rebind(held.memories[1]!);
    });
    expect(await getOn(other, 0)).toBe(2);
    await exporter.run(({ kept }) => (kept as unknown as Kept).segment.unpublish());
    expect(await getOn(other, 0)).toBe('RSMERR_CONN_ABORTED');
    importer.resume();
    expect(await getOn(importer, 0)).toBe('RSMERR_CONN_ABORTED');
  });

  test('that exports and is stopped is read and written all the same', async () => {
    await exporter.stop();
    expect(await putOn(importer, 9, 9)).toBe('done');
    expect(await getOn(importer, 9)).toBe(9);
    expect(await connectOn(await two.peer(), id)).toBe('RSMERR_REMOTE_NODE_UNREACHABLE');
    exporter.resume();
    expect(await bytesOf(exporter, 0, 9, 1)).toEqual([9]);
  });
});
