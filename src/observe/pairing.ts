/** What an exporter shows of its importers, beside what these show of themselves. */
import { groupBy } from './group.ts';
import type { ImportActivity, SegmentActivity } from './rates.ts';
import type { Importer } from './snapshot.ts';

/** An importer as its exporter shows it, and what it says itself. */
export interface Paired {
  importer: Importer;
  /** undefined: it does not show itself. */
  own: ImportActivity | undefined;
}

/**
 * The importers of a segment in the order in which they connected. A process that is connected several
 * times is paired in the same order.
 */
export function importersOf({ segment, importers }: SegmentActivity): Paired[] {
  const byAge = importers.toSorted((a, b) => +a.segment.since - +b.segment.since);
  const waiting = groupBy(byAge, (own) => nameOf(own.segment.importer, own.segment.permission));
  // The oldest last, where it can be taken without moving the others.
  for (const group of waiting.values()) group.reverse();
  return segment.importers
    .toSorted((a, b) => +a.since - +b.since)
    .map((importer) => ({ importer, own: waiting.get(nameOf(importer, importer.permission))?.pop() }));
}

function nameOf({ node, uid, pid }: { node: number; uid: number; pid: number }, permission: number): string {
  return `${node}:${uid}:${pid}:${permission}`;
}
