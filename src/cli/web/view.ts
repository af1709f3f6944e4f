/** What two looks at a node show, in the words and sizes of the page. */
import type { Topology } from '../../api/index.ts';
import { type Activity, importersOf, type Paired, type SegmentActivity } from '../../observe/index.ts';
import type { Look } from '../session.ts';
import { ACTIVE } from '../session.ts';
import { modeOf, octal, segmentName } from '../terminal.ts';
import type {
  ControllerRow,
  Happening,
  ImporterRow,
  Kind,
  Process,
  Sample,
  SegmentRow,
  View,
} from './messages.ts';

/** What a person can look through; a browser lays them out every second. */
export const MOST_SEGMENTS = 500;
export const MOST_IMPORTERS = 50;

export type UserNames = (uid: number) => string;

export function viewOf(look: Look, { segments }: Activity, topology: Topology, userName: UserNames): View {
  const weight = ({ segment, rates }: SegmentActivity): number =>
    segment.importerCount + rates.bytesPut + rates.bytesGot + rates.posts;
  const shown =
    segments.length <= MOST_SEGMENTS ? segments : segments.toSorted((a, b) => weight(b) - weight(a));
  return {
    node: look.node,
    directory: look.directory,
    processes: new Set(look.participants.map(({ pid }) => pid)).size,
    controllers: controllersOf(topology),
    segments: shown.slice(0, MOST_SEGMENTS).map((found) => rowOf(found, userName)),
  };
}

export function sampleOf(look: Look, { total }: Activity, happenings: readonly Happening[]): Sample {
  const count = (kind: Kind): number =>
    happenings.reduce((sum, happening) => sum + (happening.kind === kind ? happening.count : 0), 0);
  return {
    timeMs: look.taken.getTime(),
    bytesPut: total.bytesPut,
    bytesGot: total.bytesGot,
    posts: total.posts,
    waits: total.waits,
    rebinds: count('rebind'),
    aborts: count('abort'),
    refusals: count('refuse'),
    segments: look.exports.length,
    connections: look.imports.filter(({ connected }) => connected).length + importersElsewhere(look),
  };
}

/** They have their records on their own nodes. */
function importersElsewhere({ node, exports }: Look): number {
  return exports.flatMap(({ importers }) => importers).filter((importer) => importer.node !== node).length;
}

function controllersOf({ nodeId, controllers }: Topology): ControllerRow[] {
  const others = controllers.map(({ name, remotes }) => ({
    name,
    paths: remotes.map((remote) => ({
      node: remote.node,
      controller: remote.name,
      active: remote.state === ACTIVE,
    })),
  }));
  // It is never one of the interconnect, and never fails.
  const own = { node: nodeId, controller: 'loopback', active: true };
  return [{ name: 'loopback', paths: [own] }, ...others];
}

function rowOf(found: SegmentActivity, userName: UserNames): SegmentRow {
  const { segment, rates } = found;
  const { key, owner, id, access, counters } = segment;
  const seen = importersOf(found);
  return {
    key,
    name: id === undefined ? null : segmentName(owner.node, id),
    byteLength: segment.byteLength,
    readOnly: segment.readOnly,
    access: accessText(access),
    createdMs: segment.created.getTime(),
    exporter: { ...processOf(owner, userName), thread: owner.thread },
    importerCount: Math.max(segment.importerCount, seen.length),
    importers: seen.slice(0, MOST_IMPORTERS).map((each) => importerRow(each, userName)),
    bytesPut: rates.bytesPut,
    bytesGot: rates.bytesGot,
    posts: rates.posts,
    rebinds: counters.rebinds,
    aborts: counters.aborts,
    refusals: counters.refusals,
  };
}

function importerRow({ importer, own }: Paired, userName: UserNames): ImporterRow {
  return {
    ...processOf(importer, userName),
    node: importer.node,
    mode: modeOf(importer.permission),
    sinceMs: importer.since.getTime(),
    mapped: own === undefined ? null : (own.segment.mapped?.length ?? 0),
    bytesPut: own?.rates.bytesPut ?? 0,
    bytesGot: own?.rates.bytesGot ?? 0,
  };
}

function processOf(
  { pid, uid, command }: { pid: number; uid: number; command: string | undefined },
  userName: UserNames,
): Process {
  return { pid, user: userName(uid), command: command ?? null };
}

function accessText({ count, defaultPermission, entries }: SegmentActivity['segment']['access']): string {
  if (count === 0) return `every node: ${octal(defaultPermission)}`;
  const said = entries.map(({ node, permission }) => `node ${node}: ${octal(permission)}`);
  return [...said, ...(count > entries.length ? [`and ${count - entries.length} more`] : [])].join(', ');
}
