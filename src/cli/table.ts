/** Tables: as wide as they need to be in a file or a pipe, and never wider than a terminal. */
import Table from 'cli-table3';
import { paint } from './terminal.ts';

export interface Column<Row> {
  head: string;
  cell(row: Row): string;
  right?: true;
  /** It may be cut to so many columns where the terminal is narrow. */
  least?: number;
  /** Left out where the terminal is too narrow all the same: the largest first. */
  expendable?: number;
}

const GAP = 2;
const EDGES = ['top', 'bottom', 'left', 'right', 'mid'];
const JOINTS = EDGES.flatMap((edge) => ['left', 'mid', 'right'].map((joint) => `${edge}-${joint}`));
const NO_LINES = Object.fromEntries([...EDGES, ...JOINTS, 'middle'].map((name) => [name, '']));

/** @param columns of the terminal; undefined: as many as it takes */
export function table<Row>(
  columns: Column<Row>[],
  rows: Row[],
  terminal: number | undefined = process.stdout.columns,
): string {
  const cells = new Map(columns.map((column) => [column, rows.map((row) => column.cell(row))]));
  const widths = fit(cells, terminal ?? Number.POSITIVE_INFINITY);
  const shown = [...widths.keys()];
  const drawn = new Table({
    head: shown.map(({ head }) => paint('bold', head)),
    colAligns: shown.map(({ right }) => (right ? 'right' : 'left')),
    colWidths: [...widths.values()].map((width) => width + GAP),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP, compact: true },
    truncate: '…',
  });
  for (const index of rows.keys()) drawn.push(shown.map((column) => cells.get(column)![index]!));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The columns that are shown, with their widths. */
function fit<Row>(cells: Map<Column<Row>, string[]>, terminal: number): Map<Column<Row>, number> {
  const widths = new Map<Column<Row>, number>();
  for (const [column, texts] of cells) {
    widths.set(
      column,
      texts.reduce((widest, text) => Math.max(widest, text.length), column.head.length),
    );
  }
  const excess = () => [...widths.values()].reduce((sum, width) => sum + width + GAP, -GAP) - terminal;
  const byExpendable = [...widths.keys()]
    .filter(({ expendable }) => expendable !== undefined)
    .sort((a, b) => b.expendable! - a.expendable!);
  while (excess() > slack(widths) && byExpendable.length > 0) widths.delete(byExpendable.shift()!);
  while (excess() > 0 && slack(widths) > 0) {
    const [column, width] = [...widths]
      .filter(([{ least }, width]) => least !== undefined && width > least)
      .reduce((a, b) => (b[1] > a[1] ? b : a));
    widths.set(column, width - 1);
  }
  return widths;
}

/** How many columns could be saved by cutting. */
function slack<Row>(widths: Map<Column<Row>, number>): number {
  return [...widths].reduce((sum, [{ least }, width]) => sum + Math.max(0, width - (least ?? width)), 0);
}
