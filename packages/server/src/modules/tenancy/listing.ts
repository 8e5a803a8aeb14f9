import { isUuid } from '../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts';

export type ListRequest = { limit: number; cursor: string | null };

/** Where a page begins: behind the row of this moment (microseconds since 1970) and id. */
export type After = readonly [micros: string | null, id: string | null];

/** A row of a list, newest first, with the moment as exact as the column has it: the driver's dates are coarser. */
export type Listed<Item> = { item: Item; micros: string; id: string };

/** The SQL of `Listed.micros` for a column. */
export const microsOf = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint::text as micros`;

/** The SQL of "behind the page's beginning" for columns, with the two values of `After` at these places. */
export const behind = (at: string, id: string, micros: number): string =>
  `($${micros}::bigint is null or
     (${at}, ${id}) < (timestamptz 'epoch' + $${micros}::bigint * interval '1 microsecond', $${micros + 1}::uuid))`;

const isMicros = (key: string): boolean => /^\d{1,16}$/.test(key);

export function afterOf(cursor: string | null): After {
  if (cursor === null) return [null, null];
  const [micros = null, id = null] = decodeCursor(cursor, [isMicros, isUuid]);
  return [micros, id];
}

/** Cuts a page from rows of which one more than the page holds was asked for. */
export function toPage<Item>(rows: readonly Listed<Item>[], limit: number): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown[shown.length - 1];
  return {
    items: shown.map(({ item }) => item),
    nextCursor: rows.length > limit && last ? encodeCursor([last.micros, last.id]) : null,
  };
}
