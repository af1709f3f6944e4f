/** `rsm importers`: who is connected to a segment. */
import type { Command } from 'commander';
import { RSMERR_SEG_NOT_PUBLISHED, RsmError } from '../errors.ts';
import type { Activity, Paired, SegmentActivity } from '../observe/index.ts';
import { command, type Json, type Named, segmentArgument } from './command.ts';
import { loaded } from './failure.ts';
import { type Look, look } from './session.ts';
import { type Column, table } from './table.ts';
import { age, bytes, modeOf, note, say, sayJson, segmentName } from './terminal.ts';
import { userNames } from './users.ts';

export function importersCommand(): Command {
  return command(
    'importers',
    'list who is connected to a segment',
    ['rsm importers 0:0x600000'],
    'User and process are what the kernel told the exporter. MAPPED is what the importer says; an ' +
      'importer that may not write to the runtime directory says nothing, and has a question mark. Of importers ' +
      'of other nodes the gateways tell the user and not the process.',
  )
    .argument('<segment>', 'NODE:ID, or ID on this node', segmentArgument)
    .action(list);
}

async function list({ node, id }: Named, { json }: Json): Promise<void> {
  const { activity, importersOf } = await loaded(import('../observe/index.ts'));
  const seen = await look(node);
  const found = find(seen, activity(seen, seen), id);
  const { importerCount, owner } = found.segment;
  const importers = importersOf(found);
  const name = segmentName(owner.node, id);
  const missing = importerCount - importers.length;
  if (json) {
    sayJson({ segment: name, importerCount, importers: importers.map(document) });
    return;
  }
  if (importers.length > 0) say(table(columns(seen.taken), importers));
  else if (missing <= 0) note(`Nobody is connected to ${name}.`);
  if (missing > 0) note(`${missing} more had no room in the record of the exporter.`);
}

/** The one that a connect finds: of this user, of root, of anybody. @throws RsmError SEG_NOT_PUBLISHED */
function find({ node }: Look, { segments }: Activity, id: number): SegmentActivity {
  const uid = process.geteuid?.();
  const rank = ({ segment: { owner } }: SegmentActivity) => (owner.uid === uid ? 0 : owner.uid === 0 ? 1 : 2);
  const [found] = segments.filter(({ segment }) => segment.id === id).sort((a, b) => rank(a) - rank(b));
  if (found !== undefined) return found;
  const detail = `nobody publishes ${segmentName(node, id)}; \`rsm ls\` lists the segments`;
  throw new RsmError(RSMERR_SEG_NOT_PUBLISHED, 'importers', detail);
}

function columns(now: Date): Column<Paired>[] {
  const nameOf = userNames();
  return [
    { head: 'NODE', cell: ({ importer }) => String(importer.node), right: true },
    { head: 'PID', cell: ({ importer: { pid } }) => (pid === 0 ? '-' : String(pid)), right: true },
    { head: 'USER', cell: ({ importer }) => nameOf(importer.uid), least: 8 },
    { head: 'MODE', cell: ({ importer }) => modeOf(importer.permission) },
    { head: 'MAPPED', cell: mappedOf },
    { head: 'SINCE', cell: ({ importer }) => age(importer.since, now), right: true, expendable: 2 },
    { head: 'COMMAND', cell: ({ importer }) => importer.command ?? '-', least: 12, expendable: 1 },
  ];
}

function mappedOf({ own }: Paired): string {
  if (own === undefined) return '?';
  const { mapped, byteLength } = own.segment;
  if (mapped === undefined) return '-';
  const { offset, length } = mapped;
  return offset === 0 && length === byteLength ? 'all' : `${bytes(length)} at ${offset}`;
}

function document({ importer: { permission, ...rest }, own }: Paired): unknown {
  // null: not mapped; absent: not known.
  const said = own && { mapped: own.segment.mapped ?? null, counters: own.segment.counters };
  return { ...rest, mode: modeOf(permission), ...said };
}
