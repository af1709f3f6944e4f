/** Names for files that no other thread of any process has. */
import { threadId } from 'node:worker_threads';

const RANDOM_DIGITS = 8;

/**
 * The process id is not enough: containers that share the directory number their processes alike. Nothing here
 * is secret, so node:crypto, which takes every program a megabyte and some milliseconds, is not needed.
 */
export function uniqueName(): string {
  const random = Math.floor(Math.random() * 2 ** (4 * RANDOM_DIGITS));
  return `${process.pid}.${threadId}.${random.toString(16).padStart(RANDOM_DIGITS, '0')}`;
}
