import { statement, type Tx } from '../../../platform/db/index.ts';

const makers = statement<{ id: string; created_by: string | null }>(
  'keys.makers',
  'select id, created_by from api_keys where org_id = $1 and id = any($2::uuid[])',
);

/** Who made each of these keys; those that the organization does not have are absent. */
export async function findKeyMakers(
  tx: Tx,
  orgId: string,
  ids: readonly string[],
): Promise<Map<string, string | null>> {
  return new Map((await tx.query(makers, [orgId, ids])).map(({ id, created_by }) => [id, created_by]));
}

export { findKeyReach } from './store-grants.ts';
