import type { Micros } from '../../../kernel/money.ts';

/*
 * budget    a cap on what a scope may spend in each period
 * scope     the organization, or a team, project, key, agent or workflow run of it
 * counter   how a budget stands in one period: spent, reserved for calls under way, and what is left
 */

export const SCOPE_KINDS = ['organization', 'team', 'project', 'key', 'agent'] as const;
export type ScopeKind = (typeof SCOPE_KINDS)[number];
export type BudgetScope = { kind: ScopeKind; id: string };
/** Those of runs are made and go with the run: nobody else sees or changes them. */
export type CountedScope = BudgetScope | { kind: 'run'; id: string };

export const PERIODS = ['day', 'week', 'month', 'total'] as const;
export type Period = (typeof PERIODS)[number];

export type Budget = {
  orgId: string;
  id: string;
  name: string;
  scope: BudgetScope;
  period: Period;
  limit: Micros;
  thresholds: readonly number[];
  createdBy: string;
  version: number;
  createdAt: Date;
  updatedAt: Date;
};

export type Standing = { periodStart: Date; spent: Micros; reserved: Micros };
/** A budget, and how it stands in the running period. */
export type StandingBudget = { budget: Budget; standing: Standing };

/** What may still be set aside; never negative, also where the limit was lowered below what is spent. */
export const remainingOf = (limit: Micros, { spent, reserved }: Pick<Standing, 'spent' | 'reserved'>): Micros =>
  Math.max(0, limit - spent - reserved);

/** When the period that began then ends and the budget starts anew, in UTC; null for a total. */
export function resetOf(period: Period, periodStart: Date): Date | null {
  const [year, month, day] = [periodStart.getUTCFullYear(), periodStart.getUTCMonth(), periodStart.getUTCDate()];
  switch (period) {
    case 'day':
      return new Date(Date.UTC(year, month, day + 1));
    case 'week':
      return new Date(Date.UTC(year, month, day + 7));
    case 'month':
      return new Date(Date.UTC(year, month + 1, 1));
    case 'total':
      return null;
  }
}

/** The highest threshold that has been reached and not told of; null when there is none. A limit of 0 has none. */
export function thresholdReached(
  { limit, thresholds }: Pick<Budget, 'limit' | 'thresholds'>,
  { spent, toldPercent }: { spent: Micros; toldPercent: number },
): number | null {
  if (limit === 0) return null;
  // BigInt: a hundred times the largest limit is more than a number can say exactly.
  const reached = thresholds.filter(
    (percent) => percent > toldPercent && BigInt(spent) * 100n >= BigInt(limit) * BigInt(percent),
  );
  return reached.length === 0 ? null : Math.max(...reached);
}
