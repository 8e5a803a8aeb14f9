import { defineErrors } from '../../kernel/errors.ts';

export const budgetErrors = defineErrors('budget', {
  exceeded: 'over_budget',
  /** It stays so: nothing gives a run back what it has spent. */
  of_run_exceeded: 'over_budget',
  not_found: 'not_found',
  scope_taken: 'conflict',
  scope_unknown: 'invalid',
});

export const priceErrors = defineErrors('price', {
  missing: 'invalid',
  not_found: 'not_found',
  in_the_past: 'invalid',
  too_many: 'conflict',
  changed_meanwhile: 'conflict',
});

export const usageErrors = defineErrors('usage', {
  /** The time until which this process may deliver has passed without a renewal. */
  lease_lost: 'unavailable',
  /** The same billable fact is under way, or has been billed. */
  already_billed: 'conflict',
  ledger_busy: 'unavailable',
  invalid: 'invalid',
});
