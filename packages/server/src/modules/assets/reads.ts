import { statement, type Tx } from '../../platform/db/index.ts';

const existing = statement<{ id: string }>(
  'assets.existing',
  'select id from assets where org_id = $1 and id = any($2::uuid[])',
);

/** Which of these assets an organization has. */
export async function existingAssets(tx: Tx, orgId: string, ids: readonly string[]): Promise<string[]> {
  return (await tx.query(existing, [orgId, ids])).map(({ id }) => id);
}
