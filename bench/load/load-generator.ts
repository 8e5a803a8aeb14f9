import { findAutocannon } from './autocannon.ts';
import type { LoadGenerator } from './load-plan.ts';
import { findWrk } from './wrk.ts';

/**
 * The load generator of this machine: the one that takes least CPU time, since it shares the cores with what it loads.
 * @throws Error that says how to get one
 */
export async function findLoadGenerator(): Promise<LoadGenerator> {
  const found = findWrk() ?? (await findAutocannon());
  if (found) return found;
  throw new Error('There is no load generator. Install wrk (`apt-get install wrk`), or run `npm ci` in bench/.');
}
