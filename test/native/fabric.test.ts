/** The fabric addon by itself: a target and an initiator in one process, and every odd value in every place. */
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { RSMERR_BAD_SEG_HNDL } from '../../src/errors.ts';
import {
  type Fabric,
  type FabricAddress,
  fabric,
  type NativeEndpoint,
  type NativeImport,
  type NativeRemote,
  type NativeTarget,
  native,
} from '../../src/native/index.ts';
import { libfabricIsMissing } from '../support/libfabric.ts';
import { isKnown, ODD } from '../support/odd.ts';
import { connected, good, LOCK_OPS, PAGE, type Published, published } from './scene.ts';

const CONNECT_MS = 20_000;

interface Served {
  exporter: Published;
  target: NativeTarget;
  address: FabricAddress;
  importer: number;
  endpoint: NativeEndpoint;
  remote: NativeRemote;
  handle: NativeImport;
  told: string[];
}

const all: Served[] = [];
afterAll(() => {
  for (const served of all) end(served);
});

function end({ endpoint, target, handle, exporter }: Served): void {
  fabric().closeEndpoint(endpoint);
  fabric().closeTarget(target);
  native.disconnect(handle, null);
  native.destroyExport(exporter.segment);
}

function ok<T extends object>(result: T | { code: number; reason: string } | number): T {
  if (typeof result === 'number' || 'reason' in result) throw new Error(JSON.stringify(result));
  return result as T;
}

function serve(): Served {
  const addon = fabric();
  const told: string[] = [];
  const exporter = published(1, LOCK_OPS);
  const { handle } = connected(exporter);
  const listening = { provider: 'auto', host: '127.0.0.1', port: 0 };
  const { target, address } = ok(
    addon.openTarget(listening, (event, importer, segment) => told.push(`${event} ${importer} ${segment}`)),
  );
  const ticket = randomBytes(32);
  const { importer } = ok(addon.admit(target, ticket, CONNECT_MS));
  const endpoint = ok(addon.connect(address, ticket, CONNECT_MS)) as NativeEndpoint;
  const grant = ok(addon.grant(target, importer, good(native.portOf(handle)), 0o600));
  const remote = good(addon.openRemote(endpoint, grant));
  const served = { exporter, target, address, importer, endpoint, remote, handle, told };
  all.push(served);
  return served;
}

describe.skipIf(libfabricIsMissing)('the fabric addon', () => {
  test('moves bytes between a target and an initiator of one process', async () => {
    const addon = fabric();
    const { remote, exporter, target, importer, handle, told } = serve();
    const bytes = new Uint8Array(exporter.memory);
    expect(addon.put(remote, 8, Uint32Array.of(1, 2, 3), 4, 8, true)).toBe(0);
    expect([...new Uint32Array(exporter.memory, 8, 2)]).toEqual([2, 3]);
    const back = new DataView(new ArrayBuffer(4));
    expect(await addon.getAsync(remote, 12, back, 0, 4)).toBe(0);
    expect(back.getUint32(0, true)).toBe(3);
    bytes[0] = 5;
    expect(addon.atomic(remote, 'add', 8, 0, 2n ** 64n - 1n, 0n)).toBe(5n);
    expect(addon.check(remote)).toBe(0);
    addon.revoke(target, importer, 1);
    expect(addon.post(remote, false)).toBe(0); // not told yet
    native.disconnect(handle, null);
    expect(addon.check(remote)).toBe(40);
    expect(addon.put(remote, 0, bytes, 0, 1, true)).toBe(40);
    await expect.poll(() => told).toContain(`connected ${importer} 0`);
  });

  test('what has ended is no handle any more', () => {
    const addon = fabric();
    const served = serve();
    addon.closeRemote(served.remote);
    expect(addon.put(served.remote, 0, new Uint8Array(1), 0, 1, true)).toBe(5);
    expect(addon.take(served.remote)).toBe(false);
    addon.closeEndpoint(served.endpoint);
    addon.closeEndpoint(served.endpoint);
    addon.closeTarget(served.target);
    expect(addon.admit(served.target, randomBytes(32), 1)).toBe(5);
    addon.endImporter(served.target, served.importer);
  });

  test('a handle of one addon is nothing to the other', () => {
    const addon = fabric();
    const { endpoint } = serve();
    const key = { key: 1n, base: 0n };
    const grant = { segment: 9, data: key, control: key, lengthBytes: PAGE, permission: 0o600, lockOwner: 0 };
    // So many of both that they have the same places in the tables of their addons, for the first time.
    const ours = Array.from({ length: 64 }, () => published().segment);
    const theirs = Array.from({ length: 64 }, () => good(addon.openRemote(endpoint, grant)));
    const asOurs = theirs.map((other) => native.wait(other as unknown as NativeImport, 0));
    const asTheirs = ours.map((other) => addon.wait(other as unknown as NativeRemote, 0));
    expect(new Set([...asOurs, ...asTheirs])).toEqual(new Set([RSMERR_BAD_SEG_HNDL]));
    for (const remote of theirs) addon.closeRemote(remote);
    for (const segment of ours) native.destroyExport(segment);
  });

  /** Arguments that would do, and do not block. */
  function argumentsFor(served: Served): Record<keyof Fabric, unknown[]> {
    const { target, address, endpoint, remote, handle } = served;
    const ticket = new Uint8Array(32);
    const key = { key: 1n, base: 0n };
    const grant = { segment: 9, data: key, control: key, lengthBytes: PAGE, permission: 0o600, lockOwner: 0 };
    const view = new Uint8Array(16);
    return {
      library: [],
      provider: ['auto'],
      openTarget: [{ ...address, port: 1 }, null],
      closeTarget: [null],
      admit: [target, ticket, 0],
      grant: [target, 999, native.portOf(handle), 0o600],
      revoke: [target, 999, 1],
      endImporter: [target, 999],
      connect: [{ ...address, port: 1 }, ticket, 0],
      connectAsync: [{ ...address, port: 1 }, ticket, 0],
      closeEndpoint: [null],
      onEnd: [() => {}],
      openRemote: [endpoint, { ...grant, segment: 'no' }],
      closeRemote: [null],
      abortRemote: [null],
      isWhole: [remote],
      put: [remote, 0, view, 0, 16, true],
      get: [remote, 0, view, 0, 16, true],
      putAsync: [remote, 0, view, 0, 16],
      getAsync: [remote, 0, view, 0, 16],
      check: [remote],
      atomic: [remote, 'add', 8, 0, 1n, 0n],
      post: [remote, false],
      take: [remote],
      wait: [remote, 0],
      eventDescriptor: [remote],
      watch: [remote, null, false],
      requestLock: [remote, 64, 1, true],
      cancelLock: [remote, 1],
      releaseLock: [remote, 64],
      waitLock: [remote, 1, 0],
      onLockAnswer: [() => {}],
    };
  }

  /** Core has checked these; what is out of the segment costs the connection. */
  const CHECKED: Record<string, number[]> = { put: [1], get: [1], putAsync: [1], getAsync: [1], atomic: [3] };

  test('every function survives every odd value in every place', { timeout: 120_000 }, () => {
    const addon = fabric();
    let served = serve();
    expect(Object.keys(argumentsFor(served)).sort()).toEqual(Object.keys(addon).sort());
    const play = (name: keyof Fabric, values: unknown[]): void => {
      try {
        (addon[name] as (...values: unknown[]) => unknown)(...values);
      } catch (error) {
        expect(isKnown(error), `${name}: ${String(error)}`).toBe(true);
      }
      if (!addon.isWhole(served.remote)) served = serve();
    };
    for (const name of Object.keys(addon) as (keyof Fabric)[]) {
      play(name, []);
      play(name, ODD);
      for (const place of argumentsFor(served)[name].keys()) {
        for (const odd of ODD) {
          if (CHECKED[name]?.includes(place) && Number.isSafeInteger(odd)) continue;
          // A time is a time.
          if (name.startsWith('wait') && Number.isSafeInteger(odd)) continue;
          play(name, argumentsFor(served)[name].with(place, odd));
        }
      }
    }
    expect(addon.check(serve().remote)).toBe(0);
  });
});
