import type { ConstraintErrors } from '../../platform/db/index.ts';
import { budgetErrors, priceErrors } from './errors.ts';

/** What violations of the module's named constraints mean. */
export const meteringConstraints: ConstraintErrors = {
  budgets__scope: () =>
    budgetErrors.scope_taken(
      'There is a budget of this scope and period already. Change that one, or choose another period.',
    ),
  price_overrides__pk: () =>
    priceErrors.changed_meanwhile(
      'Somebody else changed this price at the same moment. Read it again, then repeat the change.',
    ),
};
