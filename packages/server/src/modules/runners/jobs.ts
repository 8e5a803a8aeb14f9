import { statement, type Tx } from '../../platform/db/index.ts';

const forget = statement('runners.forget', `delete from runners where last_seen_at < now() - interval '30 days'`);

/** Forgets runners that have not been heard of for a month. */
export async function forgetOldRunners(tx: Tx): Promise<void> {
  await tx.query(forget, []);
}
