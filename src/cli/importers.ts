/** `rsm importers`: who is connected to a segment. */
import type { Command } from 'commander';
import { RSMERR_SEG_NOT_PUBLISHED, RsmError } from '../errors.ts';
import type { ExportView, Importer, ImportView } from '../observe/index.ts';
import { command, type Json, type Named, segmentArgument } from './command.ts';
import { type Look, look } from './session.ts';
import { type Column, table } from './table.ts';
import { age, bytes, note, say, sayJson, segmentName } from './terminal.ts';
import { userNames } from './users.ts';

const MODES: ReadonlyMap<number, string> = new Map([
  [0o400, 'r'],
  [0o200, 'w'],
  [0o600, 'rw'],
]);

/** What the exporter says of a connection, from the kernel, and what the importer says itself. */
interface Connection extends Importer {
  /** undefined: it does not show itself. */
  shown: ImportView | undefined;
}

export function importersCommand(): Command {
  return command(
    'importers',
    'list who is connected to a segment',
    ['rsm importers 0:0x600000'],
    'User and process are what the kernel told the exporter. MAPPED is what the importer says; an ' +
      'importer that may not write to the runtime directory says nothing, and has a question mark.',
  )
    .argument('<segment>', 'NODE:ID, or ID on this node', segmentArgument)
    .action(list);
}

async function list({ node, id }: Named, { json }: Json): Promise<void> {
  const seen = await look(node);
  const segment = find(seen, id);
  const connections = connectionsOf(segment, seen.imports);
  const name = segmentName(segment.owner.node, id);
  const missing = segment.importerCount - connections.length;
  if (json) {
    sayJson({ segment: name, importerCount: segment.importerCount, importers: connections.map(document) });
    return;
  }
  if (connections.length > 0) say(table(columns(seen.taken), connections));
  else if (missing <= 0) note(`Nobody is connected to ${name}.`);
  if (missing > 0) note(`${missing} more had no room in the record of the exporter.`);
}

/** The one that a connect finds: of this user, of root, of anybody. @throws RsmError SEG_NOT_PUBLISHED */
function find({ exports, node }: Look, id: number): ExportView {
  const uid = process.geteuid?.();
  const rank = ({ owner }: ExportView) => (owner.uid === uid ? 0 : owner.uid === 0 ? 1 : 2);
  const [segment] = exports.filter((each) => each.id === id).sort((a, b) => rank(a) - rank(b));
  if (segment !== undefined) return segment;
  const detail = `nobody publishes ${segmentName(node, id)}; \`rsm ls\` lists the segments`;
  throw new RsmError(RSMERR_SEG_NOT_PUBLISHED, 'importers', detail);
}

/** A process may have several connections to one segment: they are paired in the order they were made. */
function connectionsOf({ id, owner, importers }: ExportView, imports: ImportView[]): Connection[] {
  const left = imports
    .filter((each) => each.id === id && each.node === owner.node && each.connected)
    .filter((each) => each.owner.pid === owner.pid && each.owner.uid === owner.uid)
    .sort((a, b) => +a.since - +b.since);
  return importers
    .toSorted((a, b) => +a.since - +b.since)
    .map((each) => {
      const isIt = ({ importer, permission }: ImportView) =>
        importer.pid === each.pid && importer.uid === each.uid && permission === each.permission;
      const at = left.findIndex(isIt);
      return { ...each, shown: at < 0 ? undefined : left.splice(at, 1)[0] };
    });
}

function columns(now: Date): Column<Connection>[] {
  const nameOf = userNames();
  return [
    { head: 'NODE', cell: ({ node }) => String(node), right: true },
    { head: 'PID', cell: ({ pid }) => String(pid), right: true },
    { head: 'USER', cell: ({ uid }) => nameOf(uid), least: 8 },
    { head: 'MODE', cell: ({ permission }) => MODES.get(permission) ?? '?' },
    { head: 'MAPPED', cell: mappedOf },
    { head: 'SINCE', cell: ({ since }) => age(since, now), right: true, expendable: 2 },
    { head: 'COMMAND', cell: ({ command }) => command ?? '-', least: 12, expendable: 1 },
  ];
}

function mappedOf({ shown }: Connection): string {
  if (shown === undefined) return '?';
  const { mapped, byteLength } = shown;
  if (mapped === undefined) return '-';
  const { offset, length } = mapped;
  return offset === 0 && length === byteLength ? 'all' : `${bytes(length)} at ${offset}`;
}

function document({ permission, shown, ...rest }: Connection): unknown {
  const mode = MODES.get(permission) ?? null;
  // null: not mapped; absent: not known.
  return { ...rest, mode, ...(shown && { mapped: shown.mapped ?? null, counters: shown.counters }) };
}
