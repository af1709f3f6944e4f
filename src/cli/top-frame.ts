/** What `rsm top` shows of one look: a screen for people, a line for files. */
import type { Activity, Rates, SegmentActivity } from '../observe/index.ts';
import { segmentOf } from './ls.ts';
import type { Look } from './session.ts';
import { type Column, table } from './table.ts';
import { paint, shorten, size } from './terminal.ts';
import { userNames } from './users.ts';

/** Of a terminal that does not say. */
const ROWS = 24;
/** Above the table, with its head, and below, with the cursor. */
const OTHER_ROWS = 8;

export function frame(now: Look, { segments, total }: Activity): string {
  const { node, directory, taken } = now;
  const place = `node ${node}  ${shorten(directory, 30)}  ${taken.toTimeString().slice(0, 8)}`;
  const most = Math.max(1, (process.stdout.rows ?? ROWS) - OTHER_ROWS);
  const sorted = segments.toSorted((a, b) => busy(b.rates) - busy(a.rates));
  const more = segments.length - most;
  return [
    `${paint('bold', 'rsm top')}  ${place}`,
    `${count(processesOf(now), 'process', 'processes')}, ${count(segments.length, 'segment')}, ` +
      count(now.imports.length, 'connection'),
    `put ${paint('cyan', perSecond(total.bytesPut))}  get ${paint('cyan', perSecond(total.bytesGot))}  ` +
      `events ${rate(total.posts)}/s  rebinds ${rate(total.rebinds)}/s`,
    troubles(total),
    '',
    segments.length === 0 ? paint('dim', 'Nobody has a segment.') : table(columns(), sorted.slice(0, most)),
    ...(more > 0 ? [paint('dim', `and ${more} more that are less busy`)] : []),
  ].join('\n');
}

/** Aborts, refusals and failed barriers, which should be none. */
function troubles({ aborts, refusals, barriersFailed }: Rates): string {
  const text = `aborts ${rate(aborts)}/s  refusals ${rate(refusals)}/s  broken ${rate(barriersFailed)}/s`;
  return aborts + refusals + barriersFailed > 0 ? paint('yellow', text) : text;
}

function columns(): Column<SegmentActivity>[] {
  const nameOf = userNames();
  return [
    { head: 'SEGMENT', cell: ({ segment }) => segmentOf(segment) },
    { head: 'PUT/s', cell: ({ rates }) => orNone(rates.bytesPut, size), right: true },
    { head: 'GET/s', cell: ({ rates }) => orNone(rates.bytesGot, size), right: true },
    { head: 'EVENTS/s', cell: ({ rates }) => orNone(rates.posts, rate), right: true },
    { head: 'REBINDS/s', cell: ({ rates }) => orNone(rates.rebinds, rate), right: true, expendable: 4 },
    { head: 'IMPORTERS', cell: ({ segment }) => String(segment.importerCount), right: true, expendable: 1 },
    { head: 'LENGTH', cell: ({ segment }) => size(segment.byteLength), right: true, expendable: 5 },
    { head: 'USER', cell: ({ segment }) => nameOf(segment.owner.uid), least: 8, expendable: 6 },
    { head: 'PID', cell: ({ segment }) => String(segment.owner.pid), right: true, expendable: 2 },
    { head: 'COMMAND', cell: ({ segment }) => segment.owner.command ?? '-', least: 12, expendable: 3 },
  ];
}

/** What to show first: bytes, and an event as much as a page. */
function busy({ bytesPut, bytesGot, posts, rebinds, connects }: Rates): number {
  return bytesPut + bytesGot + 4096 * (posts + rebinds + connects);
}

const LINE: Column<[Look, Rates, Activity]>[] = [
  { head: 'TIME', cell: ([{ taken }]) => taken.toISOString() },
  { head: 'PROCESSES', cell: ([now]) => String(processesOf(now)), right: true },
  { head: 'SEGMENTS', cell: ([, , { segments }]) => String(segments.length), right: true },
  { head: 'CONNECTIONS', cell: ([{ imports }]) => String(imports.length), right: true },
  { head: 'PUT/s', cell: ([, { bytesPut }]) => size(bytesPut), right: true },
  { head: 'GET/s', cell: ([, { bytesGot }]) => size(bytesGot), right: true },
  { head: 'EVENTS/s', cell: ([, { posts }]) => rate(posts), right: true },
  { head: 'REBINDS/s', cell: ([, { rebinds }]) => rate(rebinds), right: true },
  { head: 'ABORTS/s', cell: ([, { aborts }]) => rate(aborts), right: true },
  { head: 'REFUSALS/s', cell: ([, { refusals }]) => rate(refusals), right: true },
];
/** Lines come one by one, and have columns all the same. */
const WIDTHS = LINE.map(({ head }) => Math.max(head.length, head === 'TIME' ? 24 : 10));
const inColumns = (cells: string[]) => cells.map((cell, index) => cell.padStart(WIDTHS[index]!)).join('  ');

export const LINE_HEADS: string = inColumns(LINE.map(({ head }) => head));

export function line(now: Look, activity: Activity): string {
  return inColumns(LINE.map(({ cell }) => cell([now, activity.total, activity])));
}

function processesOf({ participants }: Look): number {
  return new Set(participants.map(({ pid }) => pid)).size;
}

/** 0, 0.3, 12, 1,234 */
function rate(count: number): string {
  return count.toLocaleString('en', { maximumFractionDigits: count < 10 ? 1 : 0 });
}

const perSecond = (bytes: number) => `${size(bytes)}/s`;
/** What does nothing must not catch the eye. */
const orNone = (number: number, text: (number: number) => string) => (number === 0 ? '-' : text(number));

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
