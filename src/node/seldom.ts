/**
 * Modules of Node.js that most programs never need. Each takes every program that imports the package some hundred
 * KiB and half a millisecond or more (T9), so they are loaded by those who do.
 */

/** For programs of a cluster, and for addresses in a configuration. */
export function net(): typeof import('node:net') {
  return process.getBuiltinModule('node:net');
}

/** For packages that only some need. */
export function requireFrom(from: string): NodeJS.Require {
  return process.getBuiltinModule('node:module').createRequire(from);
}

/** For limits in parts of the machine. */
export function os(): typeof import('node:os') {
  return process.getBuiltinModule('node:os');
}

/** For workers, which have it loaded already. */
export function workerThreads(): typeof import('node:worker_threads') {
  return process.getBuiltinModule('node:worker_threads');
}
