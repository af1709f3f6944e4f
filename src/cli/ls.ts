/** `rsm ls`: the segments of the node. */
import type { Command } from 'commander';
import type { ExportView } from '../observe/index.ts';
import { command, type Json, nodeArgument } from './command.ts';
import { look } from './session.ts';
import { type Column, table } from './table.ts';
import { age, note, octal, say, sayJson, segmentName, size } from './terminal.ts';
import { userNames } from './users.ts';

export function lsCommand(): Command {
  return command(
    'ls',
    'list the segments of this node',
    ['rsm ls', "rsm ls --json | jq -r '.segments[].segment'"],
    'ACCESS is what the access list says, NODE:PERM; * stands for every node. POSTS and WAITS count ' +
      'events of the exporter: those it posted, and those of importers that it has consumed. Segments ' +
      'without an id are not published. Of processes of other users no command is shown.',
  )
    .argument('[node]', 'the node (default: this one)', nodeArgument)
    .action(list);
}

async function list(asked: number | undefined, { json }: Json): Promise<void> {
  const { node, directory, taken, exports } = await look(asked);
  const sorted = exports.toSorted(
    (a, b) => (a.id ?? Infinity) - (b.id ?? Infinity) || +a.created - +b.created,
  );
  if (json) {
    sayJson({ node, directory, segments: sorted.map(document) });
    return;
  }
  if (sorted.length > 0) say(table(columns(taken), sorted));
  else note(`Nobody has a segment on node ${node} (${directory}).`);
}

function columns(now: Date): Column<ExportView>[] {
  const nameOf = userNames();
  return [
    { head: 'SEGMENT', cell: segmentOf },
    { head: 'LENGTH', cell: ({ byteLength }) => size(byteLength), right: true },
    { head: 'USER', cell: ({ owner }) => nameOf(owner.uid), least: 8, expendable: 2 },
    { head: 'PID', cell: ({ owner }) => String(owner.pid), right: true },
    { head: 'IMPORTERS', cell: ({ importerCount }) => String(importerCount), right: true },
    { head: 'ACCESS', cell: accessOf, least: 6, expendable: 3 },
    { head: 'POSTS', cell: ({ counters }) => String(counters.posts), right: true, expendable: 5 },
    { head: 'WAITS', cell: ({ counters }) => String(counters.waits), right: true, expendable: 6 },
    {
      head: 'AGE',
      cell: ({ published, created }) => age(published ?? created, now),
      right: true,
      expendable: 4,
    },
    { head: 'COMMAND', cell: ({ owner }) => owner.command ?? '-', least: 12, expendable: 1 },
  ];
}

/** As other commands take it; `-` where it is not published. */
export function segmentOf({ owner, id }: ExportView): string {
  return id === undefined ? '-' : segmentName(owner.node, id);
}

function accessOf({ id, access: { count, defaultPermission, entries } }: ExportView): string {
  if (id === undefined) return '-';
  if (count === 0) return `*:${octal(defaultPermission)}`;
  const shown = entries.map(({ node, permission }) => `${node}:${octal(permission)}`);
  return [...shown, ...(count > entries.length ? [`+${count - entries.length}`] : [])].join(' ');
}

function document(view: ExportView): unknown {
  const { key: _, owner, id, importers: __, ...rest } = view;
  return { segment: id === undefined ? null : segmentOf(view), id: id ?? null, owner, ...rest };
}
