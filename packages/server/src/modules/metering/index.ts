/**
 * Metering knows what calls cost, sets money aside before they are made and bills them after.
 * Invariant: on every budget that applies, `spent + reserved` is within the cap at every commit.
 */
export { Hold } from './ledger/hold.ts';
export { Ledger } from './ledger/ledger.ts';
export type { Attached, Claims, Outcome } from './ledger/model.ts';
export { chosenPrice, costOf, mostOf, type Price, type Quantities } from './prices/model.ts';
