import { statement, type Tx } from '../../platform/db/index.ts';
import { type BuiltInRedactor, type CapturePolicy, NO_POLICY, type Pattern, type StandingPolicy } from './model.ts';

type Row = {
  is_on: boolean;
  retention_days: number;
  redactors: BuiltInRedactor[];
  patterns: Pattern[];
  api_key_ids: string[];
  team_ids: string[];
  version: number;
  updated_by: string;
  updated_at: Date;
};
const COLUMNS = 'is_on, retention_days, redactors, patterns, api_key_ids, team_ids, version, updated_by, updated_at';

const find = statement<Row>('capture_policies.find', `select ${COLUMNS} from capture_policies where org_id = $1`);
// There may be no row to lock yet, so whoever sets the policy first makes the others wait.
const lock = statement(
  'capture_policies.lock',
  `select pg_advisory_xact_lock(hashtextextended('capture_policy ' || $1, 0))`,
);
const put = statement<Row>(
  'capture_policies.put',
  `insert into capture_policies as p
     (org_id, is_on, retention_days, redactors, patterns, api_key_ids, team_ids, updated_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8)
   on conflict (org_id) do update set is_on = excluded.is_on, retention_days = excluded.retention_days,
     redactors = excluded.redactors, patterns = excluded.patterns, api_key_ids = excluded.api_key_ids,
     team_ids = excluded.team_ids, updated_by = excluded.updated_by, version = p.version + 1, updated_at = now()
   returning ${COLUMNS}`,
);

export async function findPolicy(tx: Tx, orgId: string): Promise<StandingPolicy> {
  const [row] = await tx.query(find, [orgId]);
  return row ? toPolicy(row) : NO_POLICY;
}

/** Finds the policy and keeps others from changing it until the transaction ends. */
export async function lockPolicy(tx: Tx, orgId: string): Promise<StandingPolicy> {
  tx.defer(lock, [orgId]);
  return findPolicy(tx, orgId);
}

export async function putPolicy(tx: Tx, orgId: string, by: string, to: CapturePolicy): Promise<StandingPolicy> {
  const { isOn, retentionDays, redactors, patterns, apiKeyIds, teamIds } = to;
  const values = [orgId, isOn, retentionDays, redactors, JSON.stringify(patterns), apiKeyIds, teamIds, by];
  const [row] = await tx.query(put, values);
  if (!row) throw new Error('The policy was not stored.');
  return toPolicy(row);
}

const toPolicy = (row: Row): StandingPolicy => ({
  isOn: row.is_on,
  retentionDays: row.retention_days,
  redactors: row.redactors,
  patterns: row.patterns,
  apiKeyIds: row.api_key_ids,
  teamIds: row.team_ids,
  version: row.version,
  updatedBy: row.updated_by,
  updatedAt: row.updated_at,
});
