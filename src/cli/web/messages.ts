/** What the page is sent, as JSON. Types only: the scripts of the page are checked against them, too. */

/** One point of the plots; rates are per second. */
export interface Sample {
  timeMs: number;
  bytesPut: number;
  bytesGot: number;
  /** Events that were posted, and that a wait has consumed. */
  posts: number;
  waits: number;
  /** Of what happened since the sample before: how many. */
  rebinds: number;
  aborts: number;
  refusals: number;
  /** How many there are. */
  segments: number;
  connections: number;
}

/** Of a user's process, as it says itself: hearsay, and no text to be trusted. */
export interface Process {
  pid: number;
  user: string;
  /** null: it is not to be seen here. */
  command: string | null;
}

export interface ImporterRow extends Process {
  node: number;
  mode: 'r' | 'w' | 'rw';
  sinceMs: number;
  /** Bytes of its window; 0: not mapped; null: it does not say. */
  mapped: number | null;
  bytesPut: number;
  bytesGot: number;
}

export interface SegmentRow {
  key: string;
  /** NODE:ID; null: not published. */
  name: string | null;
  byteLength: number;
  readOnly: boolean;
  /** For people: `node 0: 0640`. */
  access: string;
  createdMs: number;
  exporter: Process & { thread: number };
  importerCount: number;
  /** At most `MOST_IMPORTERS` of them. */
  importers: ImporterRow[];
  /** Per second. */
  bytesPut: number;
  bytesGot: number;
  posts: number;
  /** Since it was created. */
  rebinds: number;
  aborts: number;
  refusals: number;
}

/** From a controller of this node to one of another, or by loopback to itself. */
export interface Path {
  node: number;
  controller: string;
  active: boolean;
}

export interface ControllerRow {
  name: string;
  paths: Path[];
}

export type Kind =
  | 'publish'
  | 'withdraw'
  | 'connect'
  | 'disconnect'
  | 'abort'
  | 'rebind'
  | 'refuse'
  | 'event';

/** Something that happened between two looks. */
export interface Happening {
  timeMs: number;
  kind: Kind;
  /** NODE:ID, where it happened to one segment. */
  segment: string | null;
  /** How many times it happened since the last look. */
  count: number;
  text: string;
}

/** The node as it is now. */
export interface View {
  node: number;
  directory: string;
  processes: number;
  controllers: ControllerRow[];
  /** At most `MOST_SEGMENTS`, those with the most importers and traffic; `sample.segments` counts all. */
  segments: SegmentRow[];
}

/** Each look at the node. */
export interface Tick {
  view: View;
  sample: Sample;
  happenings: Happening[];
}

/** To who has just come, or was too slow to be told every look: all that is remembered. */
export interface Whole {
  view: View;
  samples: Sample[];
  happenings: Happening[];
}
