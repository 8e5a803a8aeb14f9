import type { Spread } from './model.ts';

/** Items of one node. More are a matter for several runs: each item is a row, an attempt and three events. */
export const MOST_ITEMS = 10_000;

/** Over a list of that length, of which only some are to be made where `todo` says which. */
export const spreadOver = (total: number, todo: readonly number[] | null = null): Spread => ({
  total,
  left: todo?.length ?? total,
  next: 0,
  todo,
});

/** The next items to begin with, in the order of the list. */
export function giveOut(spread: Spread, most: number): { spread: Spread; items: readonly number[] } {
  const { next, total, todo } = spread;
  const end = Math.min(next + most, todo?.length ?? total);
  const items = todo?.slice(next, end) ?? Array.from({ length: end - next }, (_, at) => next + at);
  return { spread: { ...spread, next: end }, items };
}
