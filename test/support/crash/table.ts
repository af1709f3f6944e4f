/** docs/reference/crash-matrix.md: rows of results, written by the test that finds them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Outcome } from './cell.ts';

import { pageOf, TABLE_BEGINS } from './page.ts';
import { LOCK_AND_TOLD, LOCK_ONLY } from './survivors.ts';
import type { End } from './trace.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'reference', 'crash-matrix.md');
const OR = ' or ';

/** The results of a row as they stand in the page; times are not compared. */
export interface Results {
  inFlight: string[];
  survivors: string[];
  left: string[];
}

/** Which of them it is, is a race: a connect meets the end or comes too late; a process had no files yet. */
const AS_WELL: Record<string, string[]> = {
  RSMERR_INTERRUPTED: ['RSMERR_SEG_NOT_PUBLISHED', 'done'],
  RSMERR_CONN_ABORTED: ['done'],
  'empty files': ['nothing'],
};

/** What an importer may find whose call a gateway ended in the middle of, or just after. */
const UNREACHABLE: string[] = ['done', 'RSMERR_REMOTE_NODE_UNREACHABLE'];
const ABORTED: string[] = ['done', 'RSMERR_CONN_ABORTED'];
const CONNECTS: string[] = ['first connect', 'connect'];
const TRANSFERS: string[] = [
  'put',
  'get',
  'barrier',
  'atomic addition',
  'lock',
  'unlock',
  'post to the exporter',
];

export const titleOf = ({ role, name }: { role: string; name: string }, end: End): string =>
  `${role} | ${name} | ${end}`;

export class Row {
  readonly title: string;
  readonly #found = { inFlight: new Set<string>(), survivors: new Set<string>(), left: new Set<string>() };
  readonly #timesMs: number[] = [];
  #ends = 0;

  constructor(title: string) {
    this.title = title;
  }

  add({ inFlight, survivors, left, timeMs }: Outcome): void {
    this.#ends += 1;
    this.#found.inFlight.add(inFlight ?? '');
    this.#found.survivors.add(survivors);
    this.#found.left.add(left);
    if (timeMs !== undefined) this.#timesMs.push(timeMs);
  }

  /** What an earlier run found stands as well: races go either way. */
  merge({ inFlight, survivors, left }: Results): void {
    for (const code of inFlight) this.#found.inFlight.add(code);
    for (const sentence of survivors) this.#found.survivors.add(sentence);
    for (const what of left) this.#found.left.add(what);
  }

  /** Races may go the other way than this time: whom the end interrupts, and whether a lock was passed on before. */
  allowRaces(): void {
    const { inFlight, survivors } = this.#found;
    const asked = /\| (connect|lock) of another \| (?!blocked)/.exec(this.title)?.[1];
    if (asked === 'connect') inFlight.add('RSMERR_INTERRUPTED');
    if (asked === 'lock') inFlight.add('RSMERR_CONN_ABORTED');
    if (this.title.includes(' gateway |')) this.#allowRacesOfGateway();
    if (!this.title.includes('| unlock')) return;
    for (const sentence of [...survivors]) {
      survivors.add(sentence.replace(LOCK_AND_TOLD, LOCK_ONLY));
      survivors.add(sentence.replace(/lock goes on(?!,)/, LOCK_AND_TOLD));
    }
  }

  #allowRacesOfGateway(): void {
    const { inFlight, survivors, left } = this.#found;
    const [role, name, end] = this.title.split(' | ');
    // A blocked one is in no race, and the importing one has no part in what goes over the fabric.
    const transfers = role === 'exporting gateway' && TRANSFERS.includes(name!) ? ABORTED : [];
    const codes = CONNECTS.includes(name!) ? UNREACHABLE : transfers;
    if (end !== 'blocked') for (const code of codes) inFlight.add(code);
    // Who was connected in time is told.
    if (name === 'first connect')
      for (const sentence of [...survivors]) {
        survivors.add(sentence.replace(/^(?!imports)/, 'imports RSMERR_CONN_ABORTED; '));
        survivors.add(sentence.replace(/^imports RSMERR_CONN_ABORTED; /, ''));
      }
    if (name === 'end')
      for (const files of ['gateway-http.s gateway.s', 'gateway.s', 'nothing']) left.add(files);
  }

  expectWithin(expected: Results): void {
    for (const column of ['inFlight', 'survivors', 'left'] as const) {
      const allowed = expected[column].flatMap((result) => [result, ...(AS_WELL[result] ?? [])]);
      for (const found of this.#found[column]) expect(allowed, this.title).toContain(found);
    }
  }

  toString(): string {
    const { inFlight, survivors, left } = this.#found;
    const cells = [inFlight, survivors, left].map((found) => [...found].sort().join(OR));
    return `| ${[this.title, this.#ends, ...cells, this.#times()].join(' | ')} |`;
  }

  #times(): string {
    const sorted = this.#timesMs.sort((one, other) => one - other);
    if (sorted.length === 0) return '';
    return `${sorted[Math.floor(sorted.length / 2)]!.toFixed(1)} – ${sorted.at(-1)!.toFixed(1)}`;
  }
}

/** The page has one table for the roles of a node, and one for gateways: each written by the test that finds it. */
export type Table = 'processes' | 'gateways';

const heading = (table: Table): string => `\n## ${table}\n`;

/** The rows of a table as they stand in the page. */
function linesOf(page: string, table: Table): string[] {
  const part = page.split(heading(table))[1]?.split('\n## ')[0];
  return part?.split(TABLE_BEGINS)[1]?.split('\n').filter(Boolean) ?? [];
}

const ENDS = /The run that wrote this made (\d+) ends/;

function endsIn(page: string, table: Table): string {
  return ENDS.exec(page.split(heading(table))[1] ?? '')?.[1] ?? '0';
}

/** What the page says, by title. */
export function expectedRows(table: Table): Map<string, Results> {
  return new Map(
    linesOf(readFileSync(PAGE, 'utf8'), table).map((line) => {
      const cells = line.slice(2).split(' | ');
      const [inFlight, survivors, left] = cells.slice(4, 7).map((cell) => cell.trim().split(OR));
      return [cells.slice(0, 3).join(' | '), { inFlight: inFlight!, survivors: survivors!, left: left! }];
    }),
  );
}

/** Writes one table anew, its rows in the order of `titles`; the other stays. */
export function writeTable(table: Table, titles: string[], rows: Map<string, Row>, ends: number): void {
  for (const [title, results] of expectedRows(table)) rows.get(title)?.merge(results);
  for (const row of rows.values()) row.allowRaces();
  const page = readFileSync(PAGE, 'utf8');
  const part = (which: Table): { ends: string; lines: string[] } =>
    which === table
      ? { ends: String(ends), lines: titles.map((title) => String(rows.get(title)!)) }
      : { ends: endsIn(page, which), lines: linesOf(page, which) };
  writeFileSync(PAGE, pageOf(part('processes'), part('gateways')));
}
