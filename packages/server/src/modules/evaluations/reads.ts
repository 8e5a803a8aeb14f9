import type { EvaluationId } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { EngineName } from '../runners/index.ts';
import type { Backlog, Evaluation, EvaluationState, EvaluationSummary, Owner } from './model.ts';
import { COLUMNS, type Row, toEvaluation } from './store.ts';

export { findEvaluation } from './store.ts';

type SummaryRow = {
  id: string;
  state: EvaluationState;
  created_at: Date;
  completed_at: Date | null;
  code_preview: string;
  language: string;
  engine: EngineName;
  exit_code: number | null;
  runtime_ms: number | null;
  reason: string | null;
};
const SUMMARY = 'id, state, created_at, completed_at, code_preview, language, engine, exit_code, runtime_ms, reason';

const listAll = statement<SummaryRow>(
  'evaluations.list',
  `select ${SUMMARY} from evaluations where org_id = $1 order by seq desc limit $2 offset $3`,
);
const listByState = statement<SummaryRow>(
  'evaluations.list_by_state',
  `select ${SUMMARY} from evaluations where org_id = $1 and state = $4 order by seq desc limit $2 offset $3`,
);
const listOwn = statement<SummaryRow>(
  'evaluations.list_own',
  `select ${SUMMARY} from evaluations
   where org_id = $1 and created_by_kind = $5 and created_by = $6 and ($4::text is null or state = $4)
   order by seq desc limit $2 offset $3`,
);
const countOwnByState = statement<{ state: EvaluationState; count: number }>(
  'evaluations.count_own_by_state',
  `select state, count(*) as count from evaluations
   where org_id = $1 and created_by_kind = $2 and created_by = $3 group by state`,
);
const countByState = statement<{ state: EvaluationState; count: number }>(
  'evaluations.count_by_state',
  'select state, count(*) as count from evaluations where org_id = $1 group by state',
);
const countOfState = statement<{ count: number }>(
  'evaluations.count_of_state',
  'select count(*) as count from evaluations where org_id = $1 and state = $2',
);
const backlog = statement<{
  org_id: string;
  priority: number;
  queued: number;
  running: number;
  served_at: Date | null;
}>(
  'evaluations.backlog',
  `with waiting as (
     select org_id, priority, count(*) as queued from evaluations where state = 'queued' group by org_id, priority
   ), organizations_met as (
     select org_id from waiting union select $1::uuid
   )
   select m.org_id, coalesce(w.priority, 0) as priority, coalesce(w.queued, 0) as queued,
     (select count(*) from evaluations r where r.org_id = m.org_id and r.state = 'running') as running,
     (select max(s.started_at) from evaluations s where s.org_id = m.org_id) as served_at
   from organizations_met m left join waiting w on w.org_id = m.org_id`,
);
const ownAhead = statement<{ ahead: number }>(
  'evaluations.own_ahead',
  `select (select count(*) from evaluations b where b.org_id = e.org_id and b.state = 'queued' and b.priority = e.priority and b.seq < e.seq) as ahead
   from evaluations e where e.org_id = $1 and e.id = $2 and e.state = 'queued'`,
);
const deadLetters = statement<Row>(
  'evaluations.dead_letters',
  `select ${COLUMNS} from evaluations where org_id = $1 and dead_lettered_at is not null order by seq desc limit $2 offset $3`,
);
const ownDeadLetters = statement<Row>(
  'evaluations.own_dead_letters',
  `select ${COLUMNS} from evaluations
   where org_id = $1 and dead_lettered_at is not null and created_by_kind = $4 and created_by = $5
   order by seq desc limit $2 offset $3`,
);
const owners = statement<{ id: string; created_by_kind: string; created_by: string }>(
  'evaluations.owners',
  'select id, created_by_kind, created_by from evaluations where org_id = $1 and id = any($2::text[])',
);
type StatisticsRow = {
  engine: string;
  language: string;
  ended: number;
  completed: number;
  median_ms: number | null;
  p95_ms: number | null;
  cpu_ms: number | null;
};
const statisticsOf = (whose: string): string =>
  `select engine, language, count(*) as ended, count(*) filter (where state = 'completed') as completed,
     percentile_cont(0.5) within group (order by runtime_ms) as median_ms,
     percentile_cont(0.95) within group (order by runtime_ms) as p95_ms, sum(cpu_ms) as cpu_ms
   from evaluations
   where org_id = $1 and completed_at > now() - make_interval(hours => $2)${whose}
   group by engine, language order by ended desc`;
const statistics = statement<StatisticsRow>('evaluations.statistics', statisticsOf(''));
const ownStatistics = statement<StatisticsRow>(
  'evaluations.own_statistics',
  statisticsOf(' and created_by_kind = $3 and created_by = $4'),
);

const NODE = `workflow_node || case when workflow_item < 0 then '' else '#' || workflow_item end`;
const ofNodes = statement<{ id: string; node: string }>(
  'evaluations.of_nodes',
  `select distinct on (node) id, node from (select id, seq, ${NODE} as node from evaluations where org_id = $1 and workflow_run_id = $2) e
   where node = any($3::text[]) order by node, seq desc`,
);

export type ListRequest = { limit: number; offset: number; state: EvaluationState | null };

/** The evaluations of an organization; only those of an owner where one is named. */
export type Whose = { orgId: string; owner: Owner | null };

/** A page of evaluations, newest first. */
export async function listEvaluations(tx: Tx, whose: Whose, request: ListRequest): Promise<EvaluationSummary[]> {
  const rows = await listRows(tx, whose, request);
  return rows.map((row) => ({
    id: row.id as EvaluationId,
    state: row.state,
    createdAt: row.created_at,
    completedAt: row.completed_at,
    codePreview: row.code_preview,
    language: row.language,
    engine: row.engine,
    exitCode: row.exit_code,
    runtimeMs: row.runtime_ms,
    reason: row.reason,
  }));
}

async function listRows(tx: Tx, { orgId, owner }: Whose, { limit, offset, state }: ListRequest): Promise<SummaryRow[]> {
  if (owner !== null) return tx.query(listOwn, [orgId, limit, offset, state, owner.kind, owner.id]);
  if (state === null) return tx.query(listAll, [orgId, limit, offset]);
  return tx.query(listByState, [orgId, limit, offset, state]);
}

/** How many evaluations there are in each state; states without any are absent. */
export async function countEvaluations(tx: Tx, { orgId, owner }: Whose): Promise<Map<EvaluationState, number>> {
  const rows =
    owner === null
      ? await tx.query(countByState, [orgId])
      : await tx.query(countOwnByState, [orgId, owner.kind, owner.id]);
  return new Map(rows.map(({ state, count }) => [state, count]));
}

/** Who submitted each of these evaluations; those that the organization does not have are absent. */
export async function findEvaluationOwners(tx: Tx, orgId: string, ids: readonly string[]): Promise<Map<string, Owner>> {
  const rows = await tx.query(owners, [orgId, ids]);
  return new Map(rows.map(({ id, created_by_kind, created_by }) => [id, { kind: created_by_kind, id: created_by }]));
}

export async function countInState(tx: Tx, orgId: string, state: EvaluationState): Promise<number> {
  return (await tx.query(countOfState, [orgId, state]))[0]?.count ?? 0;
}

/** The whole queue in counts, for all organizations that wait and for the one named. On the system handle. */
export async function readBacklog(tx: Tx, orgId: string): Promise<Backlog[]> {
  return (await tx.query(backlog, [orgId])).map((row) => ({
    orgId: row.org_id,
    priority: row.priority,
    queued: row.queued,
    running: row.running,
    servedAt: row.served_at,
  }));
}

/** How many of the organization's own stand before a queued evaluation at its priority; null when it no longer waits. */
export async function countOwnAhead(tx: Tx, orgId: string, id: string): Promise<number | null> {
  return (await tx.query(ownAhead, [orgId, id]))[0]?.ahead ?? null;
}

export async function listDeadLetters(
  tx: Tx,
  { orgId, owner }: Whose,
  page: { limit: number; offset: number },
): Promise<Evaluation[]> {
  const rows =
    owner === null
      ? await tx.query(deadLetters, [orgId, page.limit, page.offset])
      : await tx.query(ownDeadLetters, [orgId, page.limit, page.offset, owner.kind, owner.id]);
  return rows.map(toEvaluation);
}

export type Statistics = {
  engine: string;
  language: string;
  ended: number;
  completed: number;
  medianMs: number | null;
  p95Ms: number | null;
  cpuMs: number | null;
};

/** What ended in the last hours, by engine and language. */
export async function readStatistics(tx: Tx, { orgId, owner }: Whose, hours: number): Promise<Statistics[]> {
  const rows =
    owner === null
      ? await tx.query(statistics, [orgId, hours])
      : await tx.query(ownStatistics, [orgId, hours, owner.kind, owner.id]);
  return rows.map((row) => ({
    engine: row.engine,
    language: row.language,
    ended: row.ended,
    completed: row.completed,
    medianMs: row.median_ms,
    p95Ms: row.p95_ms,
    cpuMs: row.cpu_ms,
  }));
}

const oldest = statement<{ waited: number }>(
  'evaluations.oldest_wait',
  `select coalesce(extract(epoch from now() - min(created_at)), 0)::double precision as waited from evaluations where state = 'queued'`,
);

/** How long the evaluation at the head of the queue has waited, seconds. On the system handle. */
export async function oldestWait(tx: Tx): Promise<number> {
  return (await tx.query(oldest, []))[0]?.waited ?? 0;
}

/** The last evaluation of nodes and items of a run, by their names: `key`, or `key#0` for an item. */
export async function findEvaluationsOfNodes(
  tx: Tx,
  { orgId, runId, names }: { orgId: string; runId: string; names: readonly string[] },
): Promise<Map<string, string>> {
  return new Map((await tx.query(ofNodes, [orgId, runId, names])).map(({ id, node }) => [node, id]));
}
