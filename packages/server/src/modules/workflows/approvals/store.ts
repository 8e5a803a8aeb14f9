import { statement, type Tx } from '../../../platform/db/index.ts';
import { type Ask, type Decider, rolesWithin } from './model.ts';

const WAITS = `n.state = 'waiting' and n.resume ? 'asks'`;

const one = statement<{ ask: Ask }>(
  'workflow_approvals.one',
  `select n.resume->'asks' as ask from workflow_nodes n
   where n.org_id = $1 and n.run_id = $2 and n.key = $3 and n.item = -1 and ${WAITS}`,
);
type Row = {
  run_id: string;
  key: string;
  definition_id: string;
  name: string;
  version: number;
  created_by_kind: string;
  created_by: string;
  ask: Ask;
};
// The conditions are those of `isAsked`.
const list = statement<Row>(
  'workflow_approvals.list',
  `select n.run_id, n.key, r.definition_id, d.name, d.version, r.created_by_kind, r.created_by, n.resume->'asks' as ask
   from workflow_nodes n
   join workflow_runs r on r.org_id = n.org_id and r.id = n.run_id
   join workflow_definitions d on d.org_id = r.org_id and d.id = r.definition_id
   cross join lateral (select n.resume->'asks'->'assignee' as assignee) a
   where n.org_id = $1 and ${WAITS} and ($2::text is null or n.resume->'asks'->>'notBy' is distinct from $2)
     and (a.assignee->>'user' = $2 or a.assignee->>'team' = any($3::text[]) or a.assignee->>'role' = any($4::text[])
       or (jsonb_typeof(a.assignee) = 'null' and ($5::text is null or r.created_by = $5)))
     and ($6::text is null or (n.resume->'asks'->>'askedAt', n.run_id, n.key) > ($6, $7::uuid, $8))
   order by n.resume->'asks'->>'askedAt', n.run_id, n.key limit $9`,
);

/** What a node asks; null when it does not wait for anybody. */
export async function findAsk(tx: Tx, { orgId, runId, key }: { orgId: string } & NodeOfRun): Promise<Ask | null> {
  return (await tx.query(one, [orgId, runId, key]))[0]?.ask ?? null;
}

type NodeOfRun = { runId: string; key: string };
/** A decision that waits for somebody. */
export type WaitingAsk = NodeOfRun & {
  definition: { id: string; name: string; version: number };
  maker: { kind: string; id: string };
  ask: Ask;
};
export type AskPage = {
  orgId: string;
  decider: Decider;
  /** Of what nobody in particular is asked for: only in runs that this principal made; null for all. */
  madeBy: string | null;
  after: ({ askedAt: string } & NodeOfRun) | null;
  limit: number;
};

/** What waits for somebody's decision, longest first. */
export async function listAsks(tx: Tx, { orgId, decider, madeBy, after, limit }: AskPage): Promise<WaitingAsk[]> {
  const { userId, role, teams } = decider;
  const from = [after?.askedAt ?? null, after?.runId ?? null, after?.key ?? null];
  const rows = await tx.query(list, [orgId, userId, teams, rolesWithin(role), madeBy, ...from, limit]);
  return rows.map((row) => ({
    runId: row.run_id,
    key: row.key,
    definition: { id: row.definition_id, name: row.name, version: row.version },
    maker: { kind: row.created_by_kind, id: row.created_by },
    ask: row.ask,
  }));
}
