import type { Tx } from '../../../platform/db/index.ts';
import { deleteExpiredSecrets } from '../endpoints/store-secrets.ts';
import { deleteDeliveriesOlderThan } from './store.ts';

/** Deletes a batch of the log past its time, and secrets that sign nothing any more; says how much of the log. */
export async function retainDeliveries(tx: Tx, days: number): Promise<number> {
  await deleteExpiredSecrets(tx);
  return deleteDeliveriesOlderThan(tx, days);
}
