import type { Micros } from '../../../kernel/money.ts';
import type { Claims, Outcome } from '../ledger/model.ts';

/*
 * usage record   what one call was billed: the ledger writes it, once
 * dimension      what usage can be broken down by
 * bucket         a stretch of time that usage is summed over
 */

/** What records can be chosen by, as named on the wire. `work` is one unit of work, by its id; `work_type` all of a kind. */
export const FILTERS = [
  'provider',
  'model',
  'principal',
  'key',
  'team',
  'project',
  'agent',
  'work_type',
  'work',
] as const;
export type UsageFilter = Partial<Record<(typeof FILTERS)[number], string>>;

/** What sums can be broken down by. */
export const DIMENSIONS = [...FILTERS, 'day'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const BUCKETS = ['hour', 'day', 'week', 'month'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** More are no answer that anybody reads; a second one is a cross table, a third a cube. */
export const MOST_DIMENSIONS = 3;

export type Tokens = {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
  image: number;
  audio: number;
};
export type Sums = { records: number; cost: Micros; overrun: Micros; tokens: Tokens };
/** `values` in the order of the dimensions that were asked for; null where a call had none. */
export type UsageGroup = Sums & { bucket: Date | null; values: readonly (string | null)[] };

export type UsageRecordView = Omit<Claims, 'orgId'> & {
  id: string;
  at: Date;
  settledAt: Date;
  outcome: Outcome;
  isEstimated: boolean;
  cost: Micros;
  overrun: Micros;
  tokens: Tokens;
};

const HOUR_MS = 3_600_000;
const DEFAULT_DAYS = 30;

/** Whole hours around the period that was asked for; the last 30 days unless it says otherwise. */
export function wholeHours(from: Date | null, to: Date | null, now: Date): { from: Date; to: Date } {
  const end = new Date(Math.ceil((to ?? now).getTime() / HOUR_MS) * HOUR_MS);
  const start = from ?? new Date((to ?? now).getTime() - DEFAULT_DAYS * 24 * HOUR_MS);
  return { from: new Date(Math.floor(start.getTime() / HOUR_MS) * HOUR_MS), to: end };
}
