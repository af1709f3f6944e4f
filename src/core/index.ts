/** The rules of RSMAPI, once, for both faces. Functions here throw RsmError and nothing else. */
export { type AccessEntry, checkListGiven, readAccessList } from './access.ts';
export type { BufferLike } from './addresses.ts';
export { bytesAt, memoryAt } from './addresses.ts';
export { alignmentUnit, type ControllerAttributes } from './attributes.ts';
export { Barrier } from './barrier.ts';
export * from './constants.ts';
export { Controller } from './controllers.ts';
export { type PollEntry, waitDescriptors } from './descriptors.ts';
export { type ExportOptions, ExportSegment } from './export-segment.ts';
export { ImportSegment } from './import-segment.ts';
export { LocalMemory } from './local-memory.ts';
export { LockableSegment } from './lockable-segment.ts';
export { allocate, attachSystemV, mapFile, pageSize, release } from './memory.ts';
export { isSize, isUint32, roundUp } from './numbers.ts';
export { Segment } from './segment.ts';
export { type SegmentIdRange, segmentIdRange } from './segment-id-file.ts';
export {
  type LocalController,
  type RemoteController,
  readLocalTopology,
  readTopology,
  type Topology,
} from './topology.ts';
export {
  get,
  get8,
  get16,
  get32,
  get64,
  getAsync,
  put,
  put8,
  put16,
  put32,
  put64,
  putAsync,
} from './transfer.ts';
export { checkVectorCount, type Direction, transferVector, type VectorEntry } from './vectors.ts';
export { milliseconds, type WaitOptions } from './waiting.ts';
