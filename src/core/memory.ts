/** Memory of this process that can be exported (design 3.2). */
import { statSync } from 'node:fs';
import * as types from 'node:util/types';
import {
  RSMERR_BAD_ADDR,
  RSMERR_BAD_LENGTH,
  RSMERR_BAD_OFFSET,
  RSMERR_INSUFFICIENT_RESOURCES,
  RsmError,
} from '../errors.ts';
import { native } from '../native/index.ts';
import { MAX_BUFFER_BYTES } from './limits.ts';
import { isSize } from './numbers.ts';

const HUGE = 1;
const LOCKED = 2;
const TO_THE_END = -1;

/** Of the operating system, in bytes. */
export function pageSize(): number {
  return native.pageSize();
}

/** @throws RsmError BAD_LENGTH: zero, no number, or more than a buffer can show; INSUFFICIENT_MEM */
export function allocate(bytes: unknown, options: { huge?: boolean; lock?: boolean } = {}): ArrayBuffer {
  const length = checkLength('allocate', bytes);
  const flags = (options.huge ? HUGE : 0) | (options.lock ? LOCKED : 0);
  const made = native.allocate(length, flags);
  if (typeof made !== 'number') return made;
  const pages = options.huge ? ' of huge pages (are any reserved? see vm.nr_hugepages)' : '';
  const lock = options.lock ? ' that can be locked (see ulimit -l)' : '';
  if (made === RSMERR_INSUFFICIENT_RESOURCES) throw new RsmError(made, 'allocate');
  throw new RsmError(made, 'allocate', `there is no memory for ${length} bytes${pages}${lock}`);
}

/**
 * A private copy of a file's range; offset 0 and to the end by default.
 * @throws RsmError BAD_OFFSET, BAD_LENGTH: no range of the file; BAD_ADDR: no regular file; PERM_DENIED;
 *   INSUFFICIENT_MEM
 */
export function mapFile(path: unknown, options: { offset?: number; length?: number } = {}): ArrayBuffer {
  if (typeof path !== 'string' || path.includes('\0')) {
    throw new RsmError(RSMERR_BAD_ADDR, 'mapFile', 'the path must be a string without zero bytes');
  }
  const { offset = 0, length } = options;
  if (!isSize(offset)) throw new RsmError(RSMERR_BAD_OFFSET, 'mapFile', 'offset must be a number of bytes');
  if (length !== undefined) checkLength('mapFile', length);
  else checkFits(path, offset);
  const made = native.mapFile(path, offset, length ?? TO_THE_END);
  if (types.isArrayBuffer(made)) return made;
  const { code, errno } = made;
  if (errno === '' && code === RSMERR_BAD_ADDR)
    throw new RsmError(code, 'mapFile', `${path} is not a regular file: only those can be mapped`);
  if (errno === '' && code === RSMERR_BAD_LENGTH)
    throw new RsmError(code, 'mapFile', `${path} has no such range: it is empty, or ends before`);
  throw failure('mapFile', made, `cannot map ${path}`);
}

/** @throws RsmError BAD_ADDR: no such segment; PERM_DENIED; INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES */
export function attachSystemV(shmid: unknown): ArrayBuffer {
  if (!Number.isInteger(shmid) || (shmid as number) < 0 || (shmid as number) > 0x7fffffff) {
    throw new RsmError(
      RSMERR_BAD_ADDR,
      'attachSystemV',
      'the argument must be a shmid as shmget(2) gives it',
    );
  }
  const made = native.attachSystemV(shmid as number);
  if (types.isArrayBuffer(made)) return made;
  throw failure('attachSystemV', made, `cannot attach shmid ${shmid}`);
}

/**
 * Ends an allocation now; its buffer is detached.
 * @throws RsmError BAD_ADDR: not a whole allocation of this library; INSUFFICIENT_RESOURCES: it is exported
 */
export function release(memory: unknown): void {
  const code = types.isArrayBuffer(memory) ? native.release(memory) : RSMERR_BAD_ADDR;
  if (code === RSMERR_INSUFFICIENT_RESOURCES) {
    throw new RsmError(code, 'release', 'the memory is exported or mapped over: close those segments first');
  }
  if (code !== 0) {
    throw new RsmError(
      code,
      'release',
      'this is not memory of this library, or it has been released already',
    );
  }
}

/** Where the system said nothing the sentence of the code says more. */
function failure(
  operation: string,
  { code, errno }: { code: number; errno: string },
  what: string,
): RsmError {
  return new RsmError(code, operation, errno === '' ? undefined : `${what}: ${errno}`);
}

function checkLength(operation: string, bytes: unknown): number {
  if (!isSize(bytes) || bytes === 0) {
    throw new RsmError(RSMERR_BAD_LENGTH, operation, 'the length must be a number of bytes above zero');
  }
  if (bytes > MAX_BUFFER_BYTES) throw tooLarge(operation, bytes);
  return bytes;
}

function checkFits(path: string, offset: number): void {
  const left = sizeOf(path) - offset;
  if (left > MAX_BUFFER_BYTES) throw tooLarge('mapFile', left);
}

/** 0 where it cannot be known: mapping then says why. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

function tooLarge(operation: string, bytes: number): RsmError {
  const detail = `${bytes} bytes do not fit a buffer of this Node.js version (at most ${MAX_BUFFER_BYTES})`;
  return new RsmError(RSMERR_BAD_LENGTH, operation, detail);
}
