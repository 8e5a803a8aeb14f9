import type { Tx } from '../../../platform/db/index.ts';
import * as store from './store-partitions.ts';

/** Makes the partitions of usage records around now, ahead of the records that fall into them. */
export const prepareUsage = (tx: Tx): Promise<void> => store.makeUsagePartitions(tx);

/** Drops months of records that lie wholly before the retention; the rollups stay. Says how many. */
export const retainUsage = (tx: Tx, days: number): Promise<number> => store.dropOldUsage(tx, days);
