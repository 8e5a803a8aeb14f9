import { statement, type Tx } from '../../../platform/db/index.ts';
import type { ModelPolicy, PolicyTerms, Subject, SubjectKind } from './model.ts';

type Row = {
  org_id: string;
  subject_kind: SubjectKind;
  subject_id: string;
  providers: string[] | null;
  models: string[] | null;
  tokens_per_minute: number | null;
  team_id: string | null;
  cache_ttl_seconds: number | null;
  cache_sampled: boolean;
  version: number;
  updated_by: string;
  created_at: Date;
  updated_at: Date;
};
const COLUMNS = `org_id, subject_kind, subject_id, providers, models, tokens_per_minute, team_id, cache_ttl_seconds,
  cache_sampled, version, updated_by, created_at, updated_at`;
const ONE = 'org_id = $1 and subject_kind = $2 and subject_id = $3';

const all = statement<Row>('model_policies.all', `select ${COLUMNS} from model_policies where org_id = $1`);
const list = statement<Row>(
  'model_policies.list',
  `select ${COLUMNS} from model_policies
   where org_id = $1 and ($2::text is null or (subject_kind, subject_id) > ($2::text, $3::uuid))
   order by subject_kind, subject_id limit $4`,
);
const bySubject = statement<Row>('model_policies.by_subject', `select ${COLUMNS} from model_policies where ${ONE}`);
const lock = statement<Row>('model_policies.lock', `select ${COLUMNS} from model_policies where ${ONE} for update`);
const put = statement<Row>(
  'model_policies.put',
  `insert into model_policies as p (org_id, subject_kind, subject_id, providers, models, tokens_per_minute, team_id,
     cache_ttl_seconds, cache_sampled, updated_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
   on conflict on constraint model_policies__pk do update set providers = excluded.providers, models = excluded.models,
     tokens_per_minute = excluded.tokens_per_minute, team_id = excluded.team_id,
     cache_ttl_seconds = excluded.cache_ttl_seconds, cache_sampled = excluded.cache_sampled,
     updated_by = excluded.updated_by, version = p.version + 1, updated_at = now()
   returning ${COLUMNS}`,
);
const remove = statement('model_policies.delete', `delete from model_policies where ${ONE}`);
const count = statement<{ policies: number }>(
  'model_policies.count',
  'select count(*)::integer as policies from model_policies where org_id = $1',
);

type Place = { orgId: string; subject: Subject };
const keyOf = ({ orgId, subject }: Place): [string, string, string] => [orgId, subject.kind, subject.id];

/** All policies of an organization. */
export const allPolicies = async (tx: Tx, orgId: string): Promise<ModelPolicy[]> =>
  (await tx.query(all, [orgId])).map(toPolicy);

export type PolicyPage = { orgId: string; after: Subject | null; limit: number };

/** A page of policies, by subject. */
export async function listPolicies(tx: Tx, { orgId, after, limit }: PolicyPage): Promise<ModelPolicy[]> {
  return (await tx.query(list, [orgId, after?.kind ?? null, after?.id ?? null, limit])).map(toPolicy);
}

export async function findPolicy(tx: Tx, of: Place): Promise<ModelPolicy | null> {
  const [row] = await tx.query(bySubject, keyOf(of));
  return row ? toPolicy(row) : null;
}

/** Finds a policy and locks its row until the transaction ends. */
export async function lockPolicy(tx: Tx, of: Place): Promise<ModelPolicy | null> {
  const [row] = await tx.query(lock, keyOf(of));
  return row ? toPolicy(row) : null;
}

/** Puts the terms in the place of what was said of the subject before. */
export async function putPolicy(tx: Tx, of: Place & { terms: PolicyTerms; updatedBy: string }): Promise<ModelPolicy> {
  const { providers, models, tokensPerMinute, teamId, cache } = of.terms;
  const [row] = await tx.query(put, [
    ...keyOf(of),
    providers,
    models,
    tokensPerMinute,
    teamId,
    cache?.ttlSeconds ?? null,
    cache?.includeSampled ?? false,
    of.updatedBy,
  ]);
  return toPolicy(row as Row);
}

export async function deletePolicy(tx: Tx, of: Place): Promise<void> {
  await tx.query(remove, keyOf(of));
}

export async function countPolicies(tx: Tx, orgId: string): Promise<number> {
  return (await tx.query(count, [orgId]))[0]?.policies ?? 0;
}

const toPolicy = (row: Row): ModelPolicy => ({
  orgId: row.org_id,
  subject: { kind: row.subject_kind, id: row.subject_id },
  providers: row.providers,
  models: row.models,
  tokensPerMinute: row.tokens_per_minute,
  teamId: row.team_id,
  cache:
    row.cache_ttl_seconds === null ? null : { ttlSeconds: row.cache_ttl_seconds, includeSampled: row.cache_sampled },
  version: row.version,
  updatedBy: row.updated_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
