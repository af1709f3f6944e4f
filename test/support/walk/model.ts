/**
 * What a node of several exporters and importers must do, in plain data: no memory, no processes. Every
 * function predicts the result code of one call and changes the model as the call would.
 */
import {
  RSM_SUCCESS,
  RSMERR_BAD_OFFSET,
  RSMERR_CONN_ABORTED,
  RSMERR_PERM_DENIED,
  RSMERR_SEG_ALREADY_MAPPED,
  RSMERR_SEG_ALREADY_PUBLISHED,
  RSMERR_SEG_NOT_MAPPED,
  RSMERR_SEG_NOT_PUBLISHED,
  RSMERR_SEG_STILL_MAPPED,
  RSMERR_SEGID_IN_USE,
  RSMERR_TIMEOUT,
} from '../../../src/errors.ts';

/** Every segment has two pages with one observed word in each, and two memories to be bound to. */
export const PAGES = 2;
export const READ = 0o400;
export const WRITE = 0o200;

export interface ExportModel {
  uid: number;
  id: number | undefined;
  /** Permission word of the local node: from the access list, or from the umask where there is none. */
  permission: number;
  memories: [number[], number[]];
  bound: 0 | 1;
  pending: number;
}

export interface ImportModel {
  source: ExportModel;
  mode: number;
  aborted: boolean;
  mapped: 'no' | 'implicitly' | 'whole' | 'second page';
  pending: number;
}

/** What fast-check walks through: segments by the name of their place, `actor:slot`. */
export interface Model {
  exports: Map<string, ExportModel>;
  imports: Map<string, ImportModel>;
}

export function emptyModel(): Model {
  return { exports: new Map(), imports: new Map() };
}

export function create(model: Model, place: string, uid: number, fill: [number, number]): number {
  const memories: [number[], number[]] = [Array(PAGES).fill(fill[0]), Array(PAGES).fill(fill[1])];
  model.exports.set(place, { uid, id: undefined, permission: 0, memories, bound: 0, pending: 0 });
  return RSM_SUCCESS;
}

export function publish(model: Model, segment: ExportModel, id: number, permission: number): number {
  if (segment.id !== undefined) return RSMERR_SEG_ALREADY_PUBLISHED;
  if (published(model, id) !== undefined) return RSMERR_SEGID_IN_USE;
  Object.assign(segment, { id, permission });
  return RSM_SUCCESS;
}

export function republish(segment: ExportModel, permission: number): number {
  if (segment.id === undefined) return RSMERR_SEG_NOT_PUBLISHED;
  segment.permission = permission;
  return RSM_SUCCESS;
}

export function unpublish(model: Model, segment: ExportModel): number {
  if (segment.id === undefined) return RSMERR_SEG_NOT_PUBLISHED;
  segment.id = undefined;
  for (const importing of importsOf(model, segment)) importing.aborted = true;
  return RSM_SUCCESS;
}

export function destroy(model: Model, place: string): number {
  unpublish(model, model.exports.get(place)!);
  model.exports.delete(place);
  return RSM_SUCCESS;
}

export function rebind(segment: ExportModel, memory: 0 | 1): number {
  segment.bound = memory;
  return RSM_SUCCESS;
}

export function connect(model: Model, place: string, uid: number, id: number, mode: number): number {
  const source = published(model, id);
  if (source === undefined) return RSMERR_SEG_NOT_PUBLISHED;
  // The owner's digit or the others': no two users of the walk share a group.
  const digit = uid === source.uid ? source.permission & 0o600 : (source.permission & 0o006) << 6;
  if ((mode & ~digit) !== 0) return RSMERR_PERM_DENIED;
  model.imports.set(place, { source, mode, aborted: false, mapped: 'no', pending: 0 });
  return RSM_SUCCESS;
}

export function disconnect(model: Model, place: string): number {
  const { mapped } = model.imports.get(place)!;
  if (mapped === 'whole' || mapped === 'second page') return RSMERR_SEG_STILL_MAPPED;
  model.imports.delete(place);
  return RSM_SUCCESS;
}

export function map(segment: ImportModel, window: 'whole' | 'second page'): number {
  if (segment.mapped !== 'no') return RSMERR_SEG_ALREADY_MAPPED;
  if (segment.aborted) return RSMERR_CONN_ABORTED;
  segment.mapped = window;
  return RSM_SUCCESS;
}

export function unmap(segment: ImportModel): number {
  if (segment.mapped === 'no') return RSMERR_SEG_NOT_MAPPED;
  segment.mapped = 'no';
  return RSM_SUCCESS;
}

/** The checks of put and get in their order (rsmapi.md 2.6); the transfer is the caller's. */
export function transfer(segment: ImportModel, page: number, right: number): number {
  if (segment.mapped === 'no') {
    if (segment.aborted) return RSMERR_CONN_ABORTED;
    segment.mapped = 'implicitly';
  }
  if ((segment.mode & right) === 0) return RSMERR_PERM_DENIED;
  if (segment.mapped === 'second page' && page !== 1) return RSMERR_BAD_OFFSET;
  return segment.aborted ? RSMERR_CONN_ABORTED : RSM_SUCCESS;
}

/** The words an importer reads and writes. */
export function memoryOf(segment: ImportModel): number[] {
  return segment.source.memories[segment.source.bound];
}

export function postToImporters(model: Model, segment: ExportModel): number {
  for (const importing of importsOf(model, segment)) if (!importing.aborted) importing.pending += 1;
  return RSM_SUCCESS;
}

export function postToExporter(segment: ImportModel): number {
  if (segment.aborted) return RSMERR_CONN_ABORTED;
  segment.source.pending += 1;
  return RSM_SUCCESS;
}

export function take(segment: ExportModel | ImportModel): number {
  if (segment.pending === 0) return RSMERR_TIMEOUT;
  segment.pending -= 1;
  return RSM_SUCCESS;
}

/** A process is gone: its exports are destroyed, its imports disconnected, whatever state they were in. */
export function kill(model: Model, actor: string): void {
  for (const place of [...model.exports.keys()]) if (place.startsWith(`${actor}:`)) destroy(model, place);
  for (const place of [...model.imports.keys()])
    if (place.startsWith(`${actor}:`)) model.imports.delete(place);
}

function published(model: Model, id: number): ExportModel | undefined {
  return [...model.exports.values()].find((segment) => segment.id === id);
}

function importsOf(model: Model, segment: ExportModel): ImportModel[] {
  return [...model.imports.values()].filter((importing) => importing.source === segment);
}
