import { statement, type Tx } from '../../platform/db/index.ts';

/** Weeks ahead: for so long a worker may be away before events go to the partition of those without a week. */
const WEEKS_AHEAD = 2;
const make = statement(
  'events.make_partitions',
  `select assay_make_event_partition((now() at time zone 'UTC')::date + 7 * week) from generate_series(0, $1::integer) as week`,
);
const drop = statement<{ dropped: number }>(
  'events.drop_before',
  `select assay_drop_events_before((now() at time zone 'UTC')::date - $1::integer) as dropped`,
);

export async function makeEventPartitions(tx: Tx): Promise<void> {
  await tx.query(make, [WEEKS_AHEAD]);
}

export async function dropOldEvents(tx: Tx, days: number): Promise<number> {
  return (await tx.query(drop, [days]))[0]?.dropped ?? 0;
}
