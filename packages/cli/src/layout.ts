import { stripVTControlCharacters, styleText } from 'node:util';
import type { Value } from './view.ts';
import { visibleCell } from './visible-text.ts';

type Style = Parameters<typeof styleText>[0];

/** The colour of each state, the same wherever it is shown. */
const STYLE_OF_STATE: Readonly<Record<string, Style>> = {
  queued: 'gray',
  running: 'cyan',
  completed: 'green',
  ready: 'green',
  ok: 'green',
  active: 'green',
  failed: 'red',
  'not ready': 'red',
  timeout: 'yellow',
  expired: 'yellow',
  cancelled: 'gray',
  revoked: 'gray',
};

export type LayoutOptions = { isTerminal: boolean; colour: boolean };

/** Rows under a heading, in columns on a terminal; separated by tabs and without heading for a program that reads. */
export function layOutTable(
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
  { isTerminal, colour }: LayoutOptions,
): string {
  const cells = rows.map((row) => row.map(cellOf));
  if (!isTerminal) return lines(cells.map((row) => row.join('\t')));
  const heading = columns.map((column) => paint(column.toUpperCase(), 'dim', colour));
  return lines(aligned([heading, ...cells.map((row) => row.map((cell) => paintState(cell, colour)))]));
}

/** Names and values of one thing, one a line. */
export function layOutFields(
  entries: readonly (readonly [name: string, value: Value])[],
  { isTerminal, colour }: LayoutOptions,
): string {
  const shown = entries.map(([name, value]): [string, string] => [name, cellOf(value)]);
  if (!isTerminal) return lines(shown.map((entry) => entry.join('\t')));
  return lines(aligned(shown.map(([name, value]) => [paint(name, 'dim', colour), paintState(value, colour)])));
}

/** Paints text, if colours are wanted. */
export const paint = (content: string, style: Style, colour: boolean): string =>
  colour ? styleText(style, content, { validateStream: false }) : content;

function paintState(cell: string, colour: boolean): string {
  const style = STYLE_OF_STATE[cell];
  return style === undefined ? cell : paint(cell, style, colour);
}

function cellOf(value: Value): string {
  if (value === null || value === undefined || value === '') return '-';
  return visibleCell(String(value));
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - widthOf(cell))))
      .join('  '),
  );
}

const widthOf = (cell: string): number => stripVTControlCharacters(cell).length;
const lines = (of: readonly string[]): string => of.map((line) => `${line}\n`).join('');
