/**
 * What happens to segments, told on channels of `node:diagnostics_channel`; NODE_DEBUG=rsm is one
 * subscriber. Published where it happens, in the process and thread where it happens, and only while
 * somebody subscribes.
 */
import { channel } from 'node:diagnostics_channel';

/** A channel, and what is published on it. */
export interface Teller<T> {
  readonly hasSubscribers: boolean;
  publish(message: T): void;
}

/** Everything that is told names the segment. */
interface Told {
  node: number;
  id: number;
}

/** A segment of this thread can be imported. */
export interface Published extends Told {
  byteLength: number;
}

/** This thread has connected. */
export interface Connected extends Told {
  /** 0400, 0200 or 0600. */
  permission: number;
  byteLength: number;
  /** The exporting process. */
  owner: { uid: number; pid: number };
}

/** A connect of this thread failed. What an exporter refuses is in its counters. */
export interface Refused extends Told {
  permission: number;
  /** `RSMERR_SEG_NOT_PUBLISHED`, … */
  code: string;
}

/** The memory of a segment of this thread was exchanged; id 0: it is not published. */
export interface Rebound extends Told {
  byteLength: number;
}

/** A connection of this thread was ended by its exporter, or with it. */
export interface Aborted extends Told {
  owner: { uid: number; pid: number };
}

/** For people: when each is told. */
export const CHANNELS = {
  publish: 'a segment was published: `node`, `id`, `byteLength`',
  unpublish: 'a segment was withdrawn, or destroyed while it was published: `node`, `id`',
  connect: 'a connection was made: `node`, `id`, `permission`, `byteLength`, `owner`',
  refuse: 'a connect failed: `node`, `id`, `permission`, `code`',
  rebind: 'the memory of a segment was exchanged: `node`, `id` (0: unpublished), `byteLength`',
  abort: 'the exporter, or its end, ended a connection: `node`, `id`, `owner`',
} as const;

const NAMES = Object.keys(CHANNELS) as (keyof typeof CHANNELS)[];

export const onPublish: Teller<Published> = channel('rsm:publish');
export const onUnpublish: Teller<Told> = channel('rsm:unpublish');
export const onConnect: Teller<Connected> = channel('rsm:connect');
export const onRefuse: Teller<Refused> = channel('rsm:refuse');
export const onRebind: Teller<Rebound> = channel('rsm:rebind');
export const onAbort: Teller<Aborted> = channel('rsm:abort');

// All of node:util takes every program 0.2 MiB (T9).
const log = process.env.NODE_DEBUG ? process.getBuiltinModule('node:util').debuglog('rsm') : undefined;
if (log?.enabled) {
  for (const name of NAMES) {
    channel(`rsm:${name}`).subscribe((message) => log('%s %o', name, message));
  }
}
