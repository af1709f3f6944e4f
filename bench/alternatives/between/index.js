/**
 * What a user would pick instead between two machines. Each has
 *   name
 *   serve(address, bytes)        on one machine: keeps a value of `bytes`; { port }
 *   open(address, port, bytes)   on the other: { put, get }, which may be under way many at once
 * Both end with their process.
 * @throws Missing: what is not installed
 */
import * as grpc from './grpc.js';
import * as redis from './redis.js';
import * as zeromq from './zeromq.js';

export const ALTERNATIVES = [redis, grpc, zeromq];
