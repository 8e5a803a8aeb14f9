/** A column is its heading; a cell is text, or a number that is shown with three figures that count. */
export type Cell = string | number | null;
export type Table = { title: string; columns: readonly string[]; rows: readonly (readonly Cell[])[]; note?: string };

/** A table as text: the first column to the left, the others to the right. */
export function renderTable({ title, columns, rows, note }: Table): string {
  const texts = [columns, ...rows.map((row) => row.map(showCell))];
  const widths = columns.map((_, index) => Math.max(...texts.map((row) => (row[index] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, index) => (index === 0 ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  const [heading = [], ...body] = texts;
  const parts = ['', title, line(heading), widths.map((width) => '─'.repeat(width)).join('  '), ...body.map(line)];
  return [...parts, ...(note === undefined ? [] : [note]), ''].join('\n');
}

function showCell(cell: Cell): string {
  if (cell === null) return '–';
  if (typeof cell === 'string') return cell;
  if (!Number.isFinite(cell)) return '–';
  const size = Math.abs(cell);
  if (size >= 100) return Math.round(cell).toLocaleString('en-US');
  return cell.toFixed(size >= 10 ? 1 : 2);
}

/** One figure over another, as the bars are written: `1.42×`. */
export const ratio = (figure: number, baseline: number): string => `${(figure / baseline).toFixed(2)}×`;

/** A bar and how a figure stands to it. */
export const verdict = (isMet: boolean): string => (isMet ? 'met' : 'MISSED');
