import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Maker } from './model.ts';

const owners = statement<{ id: string; created_by_kind: string; created_by: string }>(
  'workflow_runs.owners',
  'select id, created_by_kind, created_by from workflow_runs where org_id = $1 and id = any($2::uuid[])',
);

/** Who made runs, by their ids. */
export async function findRunOwners(tx: Tx, orgId: string, ids: readonly string[]): Promise<Map<string, Maker>> {
  const rows = await tx.query(owners, [orgId, ids]);
  return new Map(rows.map((row) => [row.id, { kind: row.created_by_kind, id: row.created_by }]));
}

export { findRun } from './store.ts';
