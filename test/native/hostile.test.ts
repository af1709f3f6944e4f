/** No JavaScript value crashes the addon: every function gets every odd value in every place. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Native, native } from '../../src/native/index.ts';
import { isKnown, ODD } from '../support/odd.ts';
import {
  connected,
  directory,
  good,
  grants,
  LOCK_OPS,
  PAGE,
  published,
  READ_WRITE,
  record,
} from './scene.ts';

const lock = openSync(join(directory, 'lock'), 'a+');
afterAll(() => closeSync(lock));

interface Scene {
  arguments: Record<keyof Native, unknown[]>;
  end(): void;
}

/** Arguments that would do, and do not block, for one call with one of them exchanged. */
function scene(): Scene {
  const exporter = published(1, LOCK_OPS);
  const { handle } = connected(exporter);
  native.post(exporter.segment, false);
  const memory = good(native.allocate(PAGE, 0));
  const unpublished = good(native.allocate(PAGE, 0));
  const spare = good(native.createExport(unpublished, 0, PAGE, 0));
  const end = (): void => {
    native.disconnect(handle, memory);
    native.destroyExport(exporter.segment);
    native.destroyExport(spare);
    for (const each of [memory, unpublished, exporter.memory]) native.release(each);
  };
  const entry = new Int32Array([lock, 1, 0]);
  const all: Scene['arguments'] = {
    pageSize: [],
    isMainThread: [],
    umask: [],
    nothing: [],
    allocate: [PAGE, 0],
    mapFile: [join(directory, 'exporter'), 0, -1],
    attachSystemV: [-1],
    release: [memory],
    checkMemory: [memory, 0, PAGE, false],
    lockFile: [lock, true, 0],
    unlockFile: [lock],
    isLocked: [lock],
    holdDirectory: [lock],
    openRecord: [join(directory, 'none'), 'name', 0, -1],
    recordPart: [record, 0],
    show: [spare, record],
    showRemote: [record, new Uint32Array(8), PAGE],
    hideRemote: [record, 3],
    closeRecord: [null],
    createExport: [memory, 0, PAGE, 0],
    publish: [spare, record, 999_999, 'claim-hostile', grants],
    republish: [exporter.segment, grants],
    unpublish: [exporter.segment],
    rebind: [exporter.segment, memory, 0],
    destroyExport: [exporter.segment],
    importers: [exporter.segment],
    decideAccess: [grants, 0, 0, new Uint32Array(1), 0, READ_WRITE],
    connect: [exporter.request],
    connectAsync: [exporter.request],
    map: [handle, 0, PAGE, READ_WRITE, false, memory, 0],
    mapShared: [handle, 0, PAGE, READ_WRITE],
    unmap: [handle, memory],
    disconnect: [handle, memory],
    portOf: [handle],
    onAbort: [() => {}],
    dial: [join(directory, 'nobody'), 0],
    peerOf: [lock],
    post: [handle, false],
    take: [handle],
    wait: [handle, -1],
    eventDescriptor: [handle],
    watch: [handle, null, false],
    poll: [entry, 1, -1],
    lockOwner: [handle],
    requestLock: [handle, 64, 1, true],
    cancelLock: [1],
    releaseLock: [handle, 64],
    waitLock: [1, -1],
    onLockAnswer: [() => {}],
    awaitLocks: [false],
  };
  return { arguments: all, end };
}

/** What may come out: a result, or an exception of the kinds that the surface names. */
function play(name: keyof Native, exchange: (values: unknown[]) => unknown[]): void {
  const { arguments: all, end } = scene();
  const call = native[name] as (...values: unknown[]) => unknown;
  try {
    call(...exchange(all[name]));
  } catch (error) {
    expect(isKnown(error), `${name}: ${String(error)}`).toBe(true);
  }
  end();
}

function argumentsOfAll(): Scene['arguments'] {
  const { arguments: all, end } = scene();
  end();
  return all;
}

const places = argumentsOfAll();

test('the table names every function of the addon', () => {
  expect(Object.keys(places).sort()).toEqual(Object.keys(native).sort());
});

test.each(Object.keys(places) as (keyof Native)[])('%s: odd values in every place', (name) => {
  play(name, () => []);
  play(name, () => ODD);
  for (const place of places[name].keys()) {
    for (const odd of ODD) {
      if (name === 'allocate' && odd === 2 ** 32) continue; // 4 GiB are not odd
      play(name, (values) => values.with(place, odd));
    }
  }
  expect(native.pageSize()).toBe(PAGE);
});
