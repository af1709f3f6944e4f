/** What a user would pick instead, each in its fastest documented set-up. */
import * as childProcess from './child-process.js';
import { Missing } from './missing.js';
import * as redis from './redis.js';
import * as unixSocket from './unix-socket.js';
import * as worker from './worker.js';
import * as zeromq from './zeromq.js';

const ALL = [childProcess, unixSocket, redis, zeromq, worker];

/**
 * Opens all that are installed; the others are skipped with their reason. Each has
 *   name, withinProcess   between threads only
 *   exchange()            one request of `bytes` and one reply of `replyBytes`
 *   read()                one value that another process shares, where it has a way of its own for that
 *   pids                  the other processes that take part
 *   threads               the threads of this one that answer
 *   close()
 */
export async function openAlternatives(options, skip) {
  const open = [];
  for (const { name, withinProcess = false, open: start } of ALL) {
    try {
      open.push({ name, withinProcess, threads: [], ...(await start(options)) });
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      skip(name, `${error.message}: bench/setup does it`);
    }
  }
  return open;
}
