import { statement, type Tx } from '../../../platform/db/index.ts';
import { insertEvents } from '../../events/index.ts';
import type { JsonObject, NodeDefinition, NodeState, RunState } from '../model.ts';
import type { Maker } from '../runs/model.ts';
import type { NodeRow, RunRow } from './model.ts';
import type { RunProgress } from './run-progress.ts';

/* Statements of the engine: over all organizations, on the system handle. Runs are locked in the order of their ids. */

type RunRecord = {
  org_id: string;
  id: string;
  definition_id: string;
  state: RunState;
  priority: number;
  context: JsonObject;
  nodes_left: number;
};
type NodeRecord = {
  run_id: string;
  key: string;
  state: NodeState;
  waits_for: number;
  reached: number;
  attempt: number;
  fence: number;
};

const lockRuns = statement<RunRecord>(
  'workflows.lock_runs',
  `select r.org_id, r.id, r.definition_id, r.state, r.priority, r.context, r.nodes_left
   from workflow_runs r join unnest($1::uuid[], $2::uuid[]) as wanted (org_id, id) on r.org_id = wanted.org_id and r.id = wanted.id
   order by r.org_id, r.id for update of r`,
);
// A statement of its own: only then does it see what was committed while the lock was waited for.
const nodesOf = statement<NodeRecord>(
  'workflows.nodes_of_runs',
  `select n.run_id, n.key, n.state, n.waits_for, n.reached, n.attempt, n.fence
   from workflow_nodes n join unnest($1::uuid[], $2::uuid[]) as wanted (org_id, id) on n.org_id = wanted.org_id and n.run_id = wanted.id
   order by n.run_id, n.position`,
);
const writeRuns = statement(
  'workflows.write_runs',
  `update workflow_runs r set state = c.state, nodes_left = c.nodes_left, context = c.context, error = case when c.state = 'failed' then coalesce(c.error, r.error) end,
     started_at = case when c.state <> 'created' then coalesce(r.started_at, now()) else r.started_at end,
     completed_at = case when c.state in ('completed', 'failed', 'cancelled') then coalesce(r.completed_at, now()) end
   from json_to_recordset($1::json) as c (org_id uuid, id uuid, state text, nodes_left integer, context jsonb, error jsonb)
   where r.org_id = c.org_id and r.id = c.id`,
);
// What was claimed since it was read is not put back, but what is to end ends.
const writeNodes = statement(
  'workflows.write_nodes',
  `update workflow_nodes n set state = c.state, waits_for = c.waits_for, reached = c.reached, due_at = c.due_at,
     attempt = coalesce(c.attempt, n.attempt),
     lease_expires_at = null, resume = case when c.sets_resume then c.resume else n.resume end,
     output = case when c.sets_output then c.output else n.output end,
     error = case when c.sets_error then c.error else n.error end,
     completed_at = case when c.is_end then clock_timestamp() end
   from json_to_recordset($1::json) as c (org_id uuid, run_id uuid, key text, fence bigint, state text, waits_for integer,
     reached integer, attempt integer, due_at timestamptz, sets_resume boolean, resume jsonb, sets_output boolean, output jsonb,
     sets_error boolean, error jsonb, is_end boolean)
   where n.org_id = c.org_id and n.run_id = c.run_id and n.key = c.key and n.item = -1 and (n.fence = c.fence or c.is_end)`,
);
/*
 * Claims. `tenants` hops over the index from organization to organization, as the claims of evaluations do
 * (architecture/decisions/0002): the cost follows the organizations that wait, not the nodes. It never waits for a lock.
 */
const claim = statement<ClaimRecord>(
  'workflows.claim',
  `with recursive tenants as (
     (select n.org_id from workflow_nodes n where n.due_at is not null order by n.org_id limit 1)
     union all
     select (select n.org_id from workflow_nodes n where n.due_at is not null and n.org_id > t.org_id order by n.org_id limit 1)
     from tenants t where t.org_id is not null
   ), candidates as (
     select q.*, row_number() over (partition by q.org_id, q.priority order by q.due_at) as share
     from tenants t cross join lateral (
       select n.org_id, n.run_id, n.key, n.item, n.priority, n.due_at from workflow_nodes n
       where n.org_id = t.org_id and n.due_at <= now() order by n.priority desc, n.due_at limit $1
     ) q where t.org_id is not null
   ), picked as (
     select c.org_id, c.run_id, c.key, c.item from candidates c order by c.priority desc, c.share, c.due_at limit $1
   ), locked as (
     select n.org_id, n.run_id, n.key, n.item from workflow_nodes n join picked p using (org_id, run_id, key, item)
     where n.due_at <= now() for update of n skip locked
   ), claimed as (
     update workflow_nodes n set state = 'running', due_at = null, attempt = n.attempt + (n.resume is null)::int,
       fence = n.fence + 1, lease_expires_at = now() + make_interval(secs => $2),
       started_at = coalesce(n.started_at, clock_timestamp())
     from locked l where n.org_id = l.org_id and n.run_id = l.run_id and n.key = l.key and n.item = l.item
     returning n.org_id, n.run_id, n.key, n.attempt, n.fence, n.resume
   ), told as (
     insert into events (org_id, type, subject, data)
     select c.org_id, 'workflow.node.started', c.run_id::text,
       jsonb_build_object('workflow_run_id', c.run_id, 'node', c.key, 'attempt', c.attempt) from claimed c
   )
   select c.org_id, c.run_id, c.key, c.attempt, c.fence, c.resume, r.definition_id, r.created_by_kind, r.created_by, r.request_id
   from claimed c join workflow_runs r on r.org_id = c.org_id and r.id = c.run_id`,
);
const contexts = statement<{ id: string; context: JsonObject }>(
  'workflows.contexts',
  `select r.id, r.context from workflow_runs r
   join unnest($1::uuid[], $2::uuid[]) as wanted (org_id, id) on r.org_id = wanted.org_id and r.id = wanted.id`,
);
const renew = statement<{ run_id: string; key: string; fence: number }>(
  'workflows.renew',
  `update workflow_nodes n set lease_expires_at = now() + make_interval(secs => $5)
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) as held (org_id, run_id, key, fence)
   where n.org_id = held.org_id and n.run_id = held.run_id and n.key = held.key and n.item = -1 and n.fence = held.fence
     and n.state = 'running'
   returning n.run_id, n.key, n.fence`,
);
const expired = statement<{ org_id: string; run_id: string; key: string; fence: number }>(
  'workflows.expired',
  `select n.org_id, n.run_id, n.key, n.fence from workflow_nodes n where n.lease_expires_at < now()
   order by n.lease_expires_at limit $1`,
);
const overdue = statement<{ org_id: string; id: string }>(
  'workflows.overdue',
  'select r.org_id, r.id from workflow_runs r where r.completed_at is null and r.deadline_at < now() limit $1',
);
const unended = statement<{ org_id: string; id: string }>(
  'workflows.unended',
  'select r.org_id, r.id from workflow_runs r where r.org_id = $1 and r.completed_at is null limit $2',
);
const graph = statement<{ name: string; nodes: NodeDefinition[] }>(
  'workflows.graph',
  'select d.name, d.nodes from workflow_definitions d where d.org_id = $1 and d.id = $2',
);

type ClaimRecord = {
  org_id: string;
  run_id: string;
  key: string;
  attempt: number;
  fence: number;
  resume: JsonObject | null;
  definition_id: string;
  created_by_kind: string;
  created_by: string;
  request_id: string;
};

export type RunName = { orgId: string; id: string };
export type NodeName = { orgId: string; runId: string; key: string; fence: number };
/** A node that this process has under a lease. */
export type Claimed = NodeName & {
  attempt: number;
  resume: JsonObject | null;
  definitionId: string;
  maker: Maker;
  requestId: string;
};
export type LockedRun = { run: RunRow; nodes: NodeRow[] };

/** Locks runs, and reads their nodes. Runs that are not there are left out. */
export async function lockForProgress(tx: Tx, names: readonly RunName[]): Promise<LockedRun[]> {
  const values = [names.map(({ orgId }) => orgId), names.map(({ id }) => id)];
  const runs = await tx.query(lockRuns, values);
  const nodes = Map.groupBy(await tx.query(nodesOf, values), ({ run_id }) => run_id);
  return runs.map((row) => ({ run: toRun(row), nodes: (nodes.get(row.id) ?? []).map(toNode) }));
}

/** Writes what was decided of locked runs. */
export function writeProgress(tx: Tx, decided: readonly { progress: RunProgress; nodes: readonly NodeRow[] }[]): void {
  insertEvents(
    tx,
    decided.flatMap(({ progress: { orgId, changes } }) => changes.events.map((event) => ({ orgId, event }))),
  );
  tx.defer(writeRuns, [JSON.stringify(decided.map(({ progress }) => runRecord(progress)))]);
  const nodes = decided.flatMap(({ progress, nodes: before }) => nodeRecords(progress, before));
  if (nodes.length > 0) tx.defer(writeNodes, [JSON.stringify(nodes)]);
}

const runRecord = ({ orgId: org_id, runId: id, changes: { run } }: RunProgress) => {
  const { state, nodesLeft: nodes_left, context, error } = run;
  return { org_id, id, state, nodes_left, context, error };
};

function nodeRecords({ orgId: org_id, runId: run_id, changes }: RunProgress, before: readonly NodeRow[]) {
  const fences = new Map(before.map(({ key, fence }) => [key, fence]));
  return [...changes.nodes].map(([key, change]) => ({
    org_id,
    run_id,
    key,
    fence: fences.get(key),
    state: change.state,
    waits_for: change.waitsFor,
    reached: change.reached,
    attempt: change.attempt,
    due_at: change.dueAt,
    is_end: ENDS.has(change.state),
    ...optional('resume', change.resume),
    ...optional('output', change.output),
    ...optional('error', change.error),
  }));
}

const ENDS: ReadonlySet<NodeState> = new Set(['completed', 'failed', 'skipped', 'cancelled']);
const optional = (name: string, value: unknown): Record<string, unknown> =>
  value === undefined ? { [`sets_${name}`]: false } : { [`sets_${name}`]: true, [name]: value };

export async function claimNodes(tx: Tx, max: number, leaseSeconds: number): Promise<Claimed[]> {
  return (await tx.query(claim, [max, leaseSeconds])).map((row) => ({
    orgId: row.org_id,
    runId: row.run_id,
    key: row.key,
    fence: row.fence,
    attempt: row.attempt,
    resume: row.resume,
    definitionId: row.definition_id,
    maker: { kind: row.created_by_kind, id: row.created_by },
    requestId: row.request_id,
  }));
}

/** Contexts by the ids of runs. */
export async function readContexts(tx: Tx, names: readonly RunName[]): Promise<Map<string, JsonObject>> {
  const rows = await tx.query(contexts, [names.map(({ orgId }) => orgId), names.map(({ id }) => id)]);
  return new Map(rows.map(({ id, context }) => [id, context]));
}

/** Extends leases; gives the names of those that still hold, as `nameOf` writes them. */
export async function renewNodes(tx: Tx, held: readonly NodeName[], seconds: number): Promise<Set<string>> {
  const rows = await tx.query(renew, [
    held.map(({ orgId }) => orgId),
    held.map(({ runId }) => runId),
    held.map(({ key }) => key),
    held.map(({ fence }) => fence),
    seconds,
  ]);
  return new Set(rows.map(({ run_id, key, fence }) => nameOf({ runId: run_id, key, fence })));
}

export const nameOf = ({ runId, key, fence }: Omit<NodeName, 'orgId'>): string => `${runId} ${key} ${fence}`;

/** Attempts whose worker is gone. */
export async function findExpired(tx: Tx, most: number): Promise<NodeName[]> {
  const rows = await tx.query(expired, [most]);
  return rows.map(({ org_id, run_id, key, fence }) => ({ orgId: org_id, runId: run_id, key, fence }));
}

/** Runs that are past their deadline. */
export async function findOverdue(tx: Tx, most: number): Promise<RunName[]> {
  return (await tx.query(overdue, [most])).map(({ org_id, id }) => ({ orgId: org_id, id }));
}

/** Runs of an organization that have not ended. */
export async function findUnended(tx: Tx, orgId: string, most: number): Promise<RunName[]> {
  return (await tx.query(unended, [orgId, most])).map(({ org_id, id }) => ({ orgId: org_id, id }));
}

export async function readGraph(
  tx: Tx,
  orgId: string,
  id: string,
): Promise<{ name: string; nodes: NodeDefinition[] } | null> {
  return (await tx.query(graph, [orgId, id]))[0] ?? null;
}

const toRun = (row: RunRecord): RunRow => ({
  orgId: row.org_id,
  id: row.id,
  definitionId: row.definition_id,
  state: row.state,
  priority: row.priority,
  context: row.context,
  nodesLeft: row.nodes_left,
});

const toNode = ({ key, state, waits_for, reached, attempt, fence }: NodeRecord): NodeRow => ({
  key,
  state,
  waitsFor: waits_for,
  reached,
  attempt,
  fence,
});
