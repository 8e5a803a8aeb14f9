import type { Tx } from '../../platform/db/index.ts';
import * as store from './store-partitions.ts';

/** Makes the weeks of events around now, ahead of the events that fall into them. */
export const prepareEvents = (tx: Tx): Promise<void> => store.makeEventPartitions(tx);

/** Drops the weeks of events whose retention is over; says how many. */
export const retainEvents = (tx: Tx, days: number): Promise<number> => store.dropOldEvents(tx, days);
