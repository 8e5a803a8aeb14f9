import type { Tx } from '../../../platform/db/index.ts';
import { deletePastCounters } from './store.ts';

/** Deletes a batch of counters of periods long past; says how many. */
export const retainCounters = (tx: Tx): Promise<number> => deletePastCounters(tx);
