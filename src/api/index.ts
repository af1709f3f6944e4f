/** Remote Shared Memory as objects: controllers, segments, barriers. Errors are RsmError. */
export type {
  BufferLike,
  ControllerAttributes,
  LocalController,
  RemoteController,
  Topology,
} from '../core/index.ts';
export { RsmError } from '../errors.ts';
export type { Barrier } from './barrier.ts';
export { type Controller, type CreateOptions, openController, type Target } from './controller.ts';
export type { WaitOptions } from './events.ts';
export type { AccessList, ExportSegment } from './export-segment.ts';
export type { ImportSegment, MapOptions, Transfer } from './import-segment.ts';
export type { HeldLock, Lock, Word } from './locks.ts';
export { allocate, attachSystemV, mapFile, pageSize, release } from './memory.ts';
export type { Mode } from './options.ts';
