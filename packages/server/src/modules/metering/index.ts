/**
 * Metering knows what calls cost, what may be spent and what was: prices, budgets, the ledger that holds budgets to their
 * word, and usage.
 * Tables: price_overrides, budgets, budget_counters, reservations, usage_records, usage_rollups.
 * Invariants: of every budget, spent + reserved is within the cap at every commit; a billable fact is billed once; what is
 * spent is the sum of usage records, and that of rollups; money is integer micro-dollars.
 * A further kind of billable work (CPU seconds of evaluations) enters by `Ledger.reserve` with a `fact` and a price of its
 * own (`chosenPrice`); nothing else here knows what it is that costs.
 */
export { retainCounters } from './budgets/jobs.ts';
export { remainingOf, resetOf, type StandingBudget } from './budgets/model.ts';
export { type BudgetServices, budgetOperations } from './budgets/operations.ts';
export { openRunBudget } from './budgets/reads.ts';
export { meteringConstraints } from './constraints.ts';
export type { Hold } from './ledger/hold.ts';
export { LedgerJanitor } from './ledger/jobs.ts';
export { Journal } from './ledger/journal.ts';
export { Ledger, type Recount } from './ledger/ledger.ts';
export type { Attached, Claims, Outcome } from './ledger/model.ts';
export { type RecoveryOptions, recoverFromJournals } from './ledger/recovery.ts';
export { PriceCatalogue } from './prices/catalogue.ts';
export {
  chosenPrice,
  costOf,
  mostOf,
  type Override,
  type Price,
  QUANTITIES,
  type Quantities,
  type Quantity,
  type Rates,
} from './prices/model.ts';
export { type ModelPrice, priceOperations } from './prices/operations.ts';
export { PriceBook } from './prices/price-book.ts';
export { prepareUsage, retainUsage } from './usage/jobs.ts';
export { FILTERS, type Tokens, type UsageFilter, type UsageGroup, type UsageRecordView } from './usage/model.ts';
export { type UsageSummary, usageOperations } from './usage/operations.ts';
export { usageOfWork } from './usage/reads.ts';
