/** What tells the threads of all processes apart. */
import { native } from '../native/index.ts';
import { workerThreads } from './seldom.ts';

const RANDOM_DIGITS = 8;

/** Of this environment, as Node.js counts them; 0: the main thread. */
export function threadId(): number {
  return native.isMainThread() ? 0 : workerThreads().threadId;
}

/**
 * A name for a file that no other thread of any process has.
 *
 * The process id is not enough: containers that share the directory number their processes alike. Nothing here
 * is secret, so node:crypto, which takes every program a megabyte and some milliseconds, is not needed.
 */
export function uniqueName(): string {
  const random = Math.floor(Math.random() * 2 ** (4 * RANDOM_DIGITS));
  return `${process.pid}.${threadId()}.${random.toString(16).padStart(RANDOM_DIGITS, '0')}`;
}
