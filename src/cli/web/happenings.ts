/** What happened on a node between two looks, told from their difference. */
import type { ExportView, ImportView, Participant, Snapshot } from '../../observe/index.ts';
import { octal, segmentName } from '../terminal.ts';
import type { Happening, Kind } from './messages.ts';

/** Of one look and one kind; what is more is counted in one line. */
export const MOST_OF_A_KIND = 20;

type Tell = (kind: Kind, segment: string | null, text: string, count?: number) => void;

export function happeningsBetween(earlier: Snapshot, later: Snapshot): Happening[] {
  const told: Happening[] = [];
  const timeMs = later.taken.getTime();
  const tell: Tell = (kind, segment, text, count = 1) => {
    if (count > 0) told.push({ timeMs, kind, segment, count, text });
  };
  const alive = new Set(later.participants.map(nameOf));
  for (const [before, now] of pairs(earlier.exports, later.exports, keyOf))
    ofExport(before, now, alive, tell);
  for (const [before, now] of pairs(earlier.imports, later.imports, keyOf)) ofImport(before, now, tell);
  ofRefusals(earlier, later, tell);
  return told;
}

/** The same for people: at most so many of each kind. */
export function shortened(all: readonly Happening[]): Happening[] {
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  return kinds.flatMap((kind) => {
    const some = all.filter((happening) => happening.kind === kind);
    const rest = some.slice(MOST_OF_A_KIND);
    if (rest.length === 0) return some;
    const count = rest.reduce((sum, happening) => sum + happening.count, 0);
    const more = { ...rest[0]!, segment: null, count, text: `and ${rest.length} more of this kind` };
    return [...some.slice(0, MOST_OF_A_KIND), more];
  });
}

function ofExport(
  before: ExportView | undefined,
  now: ExportView | undefined,
  alive: Set<string>,
  tell: Tell,
): void {
  const [was, is] = [publishedName(before), publishedName(now)];
  const owner = (now ?? before)!.owner;
  if (was !== is) {
    const how = alive.has(nameOf(owner)) ? `by process ${owner.pid}` : `with the end of process ${owner.pid}`;
    if (was !== null) tell('withdraw', was, `withdrawn ${how}`);
    if (is !== null) tell('publish', is, `published by process ${owner.pid}`);
  }
  if (now === undefined) return;
  const since = (name: 'rebinds' | 'posts' | 'waits' | 'aborts'): number =>
    now.counters[name] - (before?.counters[name] ?? 0);
  tell('rebind', is, `memory exchanged${times(since('rebinds'))}`, since('rebinds'));
  tell('event', is, `${events(since('posts'))} to the importers`, since('posts'));
  tell('event', is, `${events(since('waits'))} of importers consumed`, since('waits'));
}

function ofImport(before: ImportView | undefined, now: ImportView | undefined, tell: Tell): void {
  const { node, id, importer, permission, owner } = (now ?? before)!;
  const segment = segmentName(node, id);
  const who = `process ${importer.pid}`;
  if (before === undefined) tell('connect', segment, `connected by ${who} with ${octal(permission)}`);
  if (now === undefined) tell('disconnect', segment, `disconnected by ${who}`);
  else if (!now.connected && before?.connected !== false) {
    tell('abort', segment, `connection of ${who} aborted: exporter ${owner.pid} withdrew it or ended`);
  }
}

function ofRefusals(earlier: Snapshot, later: Snapshot, tell: Tell): void {
  for (const [before, now] of pairs(earlier.participants, later.participants, nameOf)) {
    for (const [code, count] of Object.entries(now?.refusals ?? {})) {
      const more = count - (before?.refusals[code] ?? 0);
      tell('refuse', null, `process ${now!.pid} refused a connect${times(more)}: ${code}`, more);
    }
  }
}

/** What there was and what there is, by name; one of the two is missing where it came or went. */
function pairs<T>(before: T[], now: T[], name: (one: T) => string): [T | undefined, T | undefined][] {
  const old = new Map(before.map((one) => [name(one), one]));
  const here = now.map((one): [T | undefined, T] => [old.get(name(one)), one]);
  for (const one of now) old.delete(name(one));
  return [...here, ...[...old.values()].map((one): [T, undefined] => [one, undefined])];
}

const keyOf = ({ key }: { key: string }): string => key;

function nameOf({ uid, pid, thread }: Participant): string {
  return `${uid}:${pid}:${thread}`;
}

function publishedName(view: ExportView | undefined): string | null {
  return view?.id === undefined ? null : segmentName(view.owner.node, view.id);
}

function times(count: number): string {
  return count > 1 ? ` ${count} times` : '';
}

function events(count: number): string {
  return count === 1 ? 'an event' : `${count} events`;
}
