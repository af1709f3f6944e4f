/** Local-memory handles (rsmapi.md 2.6): memory used again and again in vectors. Nothing is pinned here. */
import { RSMERR_BAD_ADDR, RSMERR_BAD_LENGTH, RSMERR_BAD_LOCALMEM_HNDL, RsmError } from '../errors.ts';
import { bytesAt, memoryAt } from './addresses.ts';
import type { Controller } from './controllers.ts';
import { pageSize } from './memory.ts';
import { isSize } from './numbers.ts';

export class LocalMemory {
  readonly #controller: Controller;
  readonly #memory: unknown;
  readonly #length: number;
  #live = true;

  private constructor(controller: Controller, memory: unknown, length: number) {
    this.#controller = controller;
    this.#memory = memory;
    this.#length = length;
  }

  /** Comes before every other check (C-146). @throws RsmError BAD_ADDR: not page-aligned */
  static checkAddress(address: unknown): void {
    if ((memoryAt(address)?.byteOffset ?? 0) % pageSize() !== 0) {
      throw new RsmError(RSMERR_BAD_ADDR, 'create_localmemory_handle', 'the address must be page-aligned');
    }
  }

  /** @throws RsmError BAD_LENGTH: zero (C-147); BAD_ADDR: no memory, or not that much of it */
  static create(controller: Controller, address: unknown, length: unknown): LocalMemory {
    const operation = 'create_localmemory_handle';
    if (!isSize(length) || length === 0) throw new RsmError(RSMERR_BAD_LENGTH, operation);
    LocalMemory.checkAddress(address);
    const memory = bytesAt(address);
    if (memory === null || memory.length < length) throw new RsmError(RSMERR_BAD_ADDR, operation);
    return new LocalMemory(controller, address, length);
  }

  /** A live one of that controller. @throws RsmError BAD_LOCALMEM_HNDL (C-149) */
  static from(value: unknown, controller: Controller, operation: string): LocalMemory {
    const isOne = typeof value === 'object' && value !== null && #memory in value;
    if (isOne && value.#live && value.#controller === controller) return value;
    throw new RsmError(RSMERR_BAD_LOCALMEM_HNDL, operation);
  }

  /** The memory behind a handle in a vector; null: freed, or no handle at all, or its memory is gone. */
  static bytesOf(value: unknown): Uint8Array | null {
    const isOne = typeof value === 'object' && value !== null && #memory in value;
    const bytes = isOne && value.#live ? bytesAt(value.#memory) : null;
    return isOne && bytes !== null && bytes.length >= value.#length ? bytes.subarray(0, value.#length) : null;
  }

  free(): void {
    this.#live = false;
  }
}
