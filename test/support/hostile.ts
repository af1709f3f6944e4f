/** Values that no caller should pass and some caller will. Each is made anew for each use. */

import * as rsm from '../../src/librsm/index.ts';
import { controller, exported, imported } from './scene.ts';

/** What the traps and getters below throw. */
export const TRAP: Error = new Error('a trap of the hostile object');

const trap = (): never => {
  throw TRAP;
};

const traps: ProxyHandler<object> = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [name, trap]),
);

function throwing(...names: string[]): object {
  return Object.defineProperties(
    {},
    Object.fromEntries(names.map((name) => [name, { get: trap, set: trap, enumerable: true }])),
  );
}

/** A handle as another thread would get it. */
function clone(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return {}; // cannot be cloned, all the better
  }
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(64);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function detachedView(): Uint8Array {
  const view = new Uint8Array(64);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

const FIELDS = [
  'value',
  'length',
  'byteLength',
  'buffer',
  'fd',
  'ae_node',
  'io_type',
  'iovec',
  'remote_handle',
  'id',
  'signal',
  '0',
];

export const plainValues: [name: string, make: () => unknown][] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['0', () => 0],
  ['-0', () => -0],
  ['-1', () => -1],
  ['1.5', () => 1.5],
  ['NaN', () => Number.NaN],
  ['Infinity', () => Number.POSITIVE_INFINITY],
  ['-Infinity', () => Number.NEGATIVE_INFINITY],
  ['2^31', () => 2 ** 31],
  ['2^32', () => 2 ** 32],
  ['2^53', () => 2 ** 53],
  ['2^53 + 2', () => 2 ** 53 + 2],
  ['1e308', () => 1e308],
  ["''", () => ''],
  ["'x'", () => 'x'],
  ["'8'", () => '8'],
  ['a string with a zero byte', () => 'x\0y'],
  ['{}', () => ({})],
  ['[]', () => []],
  ['a sparse array', () => new Array(1000)],
  ['true', () => true],
  ['a symbol', () => Symbol('hostile')],
  ['a bigint', () => 8n],
  ['a function', () => () => 8],
  ['a detached ArrayBuffer', detached],
  ['a view on a detached buffer', detachedView],
  ['a SharedArrayBuffer', () => new SharedArrayBuffer(64)],
  ['a shared view', () => new Uint8Array(new SharedArrayBuffer(64))],
  ['an empty buffer', () => new ArrayBuffer(0)],
  ['an empty view', () => new Uint8Array(0)],
  ['heap bytes', () => new Uint8Array(64)],
  ['misaligned bytes', () => new Uint8Array(new ArrayBuffer(64), 3, 40)],
  ['a DataView', () => new DataView(new ArrayBuffer(64), 1, 16)],
  ['floats', () => new Float64Array(8)],
  ['a resizable buffer', () => Reflect.construct(ArrayBuffer, [64, { maxByteLength: 128 }])],
  ['a forged view', () => Object.create(Uint8Array.prototype)],
  ['an object without prototype', () => Object.create(null)],
  ['an object with valueOf', () => ({ valueOf: trap, toString: trap, [Symbol.toPrimitive]: trap })],
  ['a proxy with throwing traps', () => new Proxy({}, traps)],
  ['a callable proxy with throwing traps', () => new Proxy(() => {}, traps)],
  ['a proxy on bytes', () => new Proxy(new Uint8Array(64), {})],
  ['a revoked proxy', revoked],
  ['throwing getters', () => throwing(...FIELDS)],
  ['a frozen object', () => Object.freeze({ value: 0, fd: 0, events: 0, revents: 0 })],
  ['a class instance', () => new Map([[1, 2]])],
];

/** Handles that are closed, released, of the wrong kind or copies. The scene ends what it made. */
export const handleValues: [name: string, make: () => unknown][] = [
  ['a destroyed export', () => closed(exported().segment, rsm.rsm_memseg_export_destroy)],
  [
    'a disconnected import',
    () => closed(imported({ id: exported().id }).segment, rsm.rsm_memseg_import_disconnect),
  ],
  ['an export of its own', () => exported().segment],
  ['an import of its own', () => imported({ id: exported().id }).segment],
  ['a controller', controller],
  ['a barrier', () => rsm.rsmapi_barrier()],
  ['a cloned export', () => clone(exported().segment)],
  ['a cloned import', () => clone(imported({ id: exported().id }).segment)],
  ['a cloned controller', () => clone(controller())],
  ['an object that inherits from a handle', () => Object.create(exported().segment as object)],
  ['a proxy on a handle', () => new Proxy(exported().segment as object, {})],
];

function closed<T>(handle: T, close: (handle: T) => number): T {
  close(handle);
  return handle;
}
