import { statement, type Tx } from '../../../platform/db/index.ts';

const make = statement(
  'usage.make_partitions',
  `select assay_make_usage_partition(month::date) from generate_series(
     date_trunc('month', now(), 'UTC') - interval '1 month', date_trunc('month', now(), 'UTC') + interval '2 months',
     interval '1 month') as month`,
);
const drop = statement<{ dropped: number }>(
  'usage.drop_before',
  `select assay_drop_usage_before(current_date - $1::integer) as dropped`,
);

/** Makes the partitions of usage_records around now, ahead of the records that fall into them. */
export async function makeUsagePartitions(tx: Tx): Promise<void> {
  await tx.query(make, []);
}

/** Drops months of records that lie wholly before the retention; the rollups stay. */
export async function dropOldUsage(tx: Tx, days: number): Promise<number> {
  return (await tx.query(drop, [days]))[0]?.dropped ?? 0;
}
