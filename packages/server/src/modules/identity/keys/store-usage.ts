import { statement, type Tx } from '../../../platform/db/index.ts';

export type KeyUse = {
  orgId: string;
  id: string /** Epoch milliseconds of this process's clock. */;
  at: number;
  address: string | null;
};

// Counted back from the database's clock: clocks of nodes differ.
const record = statement(
  'keys.record_uses',
  `update api_keys k
   set last_used_at = greatest(k.last_used_at, now() - make_interval(secs => u.seconds_ago)), last_used_address = u.address
   from unnest($1::uuid[], $2::uuid[], $3::double precision[], $4::text[]) as u (org_id, id, seconds_ago, address)
   where k.org_id = u.org_id and k.id = u.id`,
);

/** Writes the last use of many keys in one statement. */
export async function recordUses(tx: Tx, uses: readonly KeyUse[], now: number): Promise<void> {
  await tx.query(record, [
    uses.map(({ orgId }) => orgId),
    uses.map(({ id }) => id),
    uses.map(({ at }) => Math.max(0, now - at) / 1000),
    uses.map(({ address }) => address),
  ]);
}
