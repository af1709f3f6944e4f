/**
 * What happens on a node: the difference of two snapshots, per second. Puts and gets are counted by who
 * does them, so a segment is put together with its importers.
 */
import { EXPORT_COUNTERS, IMPORT_COUNTERS } from '../native/record-layout.ts';
import { groupBy } from './group.ts';
import type { ExportView, ImportView, Snapshot } from './snapshot.ts';

type Counter = keyof typeof EXPORT_COUNTERS | keyof typeof IMPORT_COUNTERS;

/** Per second, by the names of the counters: docs/reference/counters.md says what each counts. */
export type Rates = Record<Counter, number>;

export interface ImportActivity {
  segment: ImportView;
  rates: Rates;
}

/** A segment, and what is done to it by its exporter and all its importers. */
export interface SegmentActivity {
  segment: ExportView;
  /**
   * The importers that show themselves. Who may not write to the runtime directory does not; it is in
   * `segment.importers` all the same.
   */
  importers: ImportActivity[];
  /** Of the exporter and the importers together. */
  rates: Rates;
}

export interface Activity {
  /** Between the snapshots. */
  timeMs: number;
  segments: SegmentActivity[];
  /** Connections whose segment is not to be seen: withdrawn, or of a node elsewhere. */
  others: ImportActivity[];
  /** Of all of them together. */
  total: Rates;
}

/** Two snapshots of one node, taken by this process. What ended between them is not in it. */
export function activity(earlier: Snapshot, later: Snapshot): Activity {
  const timeMs = later.clockMs - earlier.clockMs;
  const before = new Map<string, Partial<Rates>>();
  for (const { key, counters } of [...earlier.exports, ...earlier.imports]) before.set(key, counters);
  const ratesOf = (key: string, counters: Partial<Rates>, since: Date): Rates => {
    // What is new counts from zero; what is older and was not seen before, from now on.
    const from = before.get(key) ?? (since >= earlier.taken ? {} : counters);
    return perSecond(from, counters, timeMs);
  };

  const imports = later.imports.map((segment): ImportActivity => {
    return { segment, rates: ratesOf(segment.key, segment.counters, segment.since) };
  });
  const connections = groupBy(imports, ({ segment }) => nameOf(segment.node, segment.id, segment.owner));
  const segments = later.exports.map((segment) => {
    const { key, id, owner, counters, created } = segment;
    const exporter = id === undefined ? '' : nameOf(owner.node, id, owner);
    const importers = (connections.get(exporter) ?? []).filter((found) => found.segment.connected);
    const own = ratesOf(key, counters, created);
    // One exchange, however many importers have seen it.
    const theirs = importers.map(({ rates }) => ({ ...rates, rebinds: 0 }));
    return { segment, importers, rates: sum([own, ...theirs]) };
  });
  const shown = new Set(segments.flatMap(({ importers }) => importers));
  const others = [...connections.values()].flat().filter((found) => !shown.has(found));
  return { timeMs, segments, others, total: sum([...segments, ...others].map(({ rates }) => rates)) };
}

const COUNTERS = [
  ...new Set([...Object.keys(EXPORT_COUNTERS), ...Object.keys(IMPORT_COUNTERS)]),
] as (keyof Rates)[];

function perSecond(from: Partial<Rates>, to: Partial<Rates>, timeMs: number): Rates {
  return ratesBy((name) => {
    const count = (to[name] ?? 0) - (from[name] ?? 0);
    // Whoever writes nonsense into his record has rates that can be written down all the same.
    return timeMs > 0 ? Math.min(Math.max(0, (count / timeMs) * 1000), Number.MAX_SAFE_INTEGER) : 0;
  });
}

function sum(all: Rates[]): Rates {
  return ratesBy((name) => all.reduce((total, rates) => total + rates[name], 0));
}

function ratesBy(rate: (name: keyof Rates) => number): Rates {
  return Object.fromEntries(COUNTERS.map((name) => [name, rate(name)])) as Rates;
}

/** The same in the record of an importer as in that of its exporter. */
function nameOf(node: number, id: number, { uid, pid }: { uid: number; pid: number }): string {
  return `${node}:${id}:${uid}:${pid}`;
}
