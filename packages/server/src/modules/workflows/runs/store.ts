import type { Micros } from '../../../kernel/money.ts';
import { type SqlValue, statement, type Tx } from '../../../platform/db/index.ts';
import { type Failure, nameOf, type RunError, type Spread } from '../engine/model.ts';
import type { RunProgress } from '../engine/run-progress.ts';
import { movePlaces } from '../engine/store-places.ts';
import type { JsonObject, NodeDefinition, NodeState, RunState } from '../model.ts';
import type { Actor, Parent, RunNode, WorkflowRun } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  definition_id: string;
  definition_name: string;
  definition_version: number;
  state: RunState;
  priority: number;
  budget_micros: number | null;
  concurrency_key: string | null;
  input: JsonObject;
  context: JsonObject;
  context_asset: string | null;
  context_bytes: number | null;
  error: RunError | null;
  created_by_kind: string;
  created_by: string;
  schedule_id: string | null;
  parent_run_id: string | null;
  parent_node: string | null;
  created_at: Date;
  started_at: Date | null;
  deadline_at: Date | null;
  completed_at: Date | null;
};
type NodeRecord = {
  key: string;
  item: number;
  state: NodeState;
  attempt: number;
  due_at: Date | null;
  output: unknown;
  spread: Spread | null;
  error: Failure | null;
  started_at: Date | null;
  completed_at: Date | null;
};

const insertRun = statement(
  'workflow_runs.insert',
  `insert into workflow_runs (org_id, id, definition_id, state, priority, input, context, nodes_left, created_by_kind, created_by,
     request_id, schedule_id, job, parent_run_id, parent_node, parent_item, depth, limited_to, concurrency_key, budget_micros, budgeted_by, started_at, deadline_at, completed_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, case when $4 not in ('created', 'queued') then now() end,
     now() + make_interval(secs => $12), case when $4 = 'completed' then now() end)`,
);
// What is ready begins by the clock of the database, which is the one that claims look at.
const insertNodes = statement(
  'workflow_runs.insert_nodes',
  `insert into workflow_nodes (org_id, run_id, key, position, state, priority, waits_for, due_at)
   select $1, $2, n.key, n.position, n.state, $3, n.waits_for, case when n.is_due then coalesce($5::timestamptz, now()) end
   from json_to_recordset($4::json) as n (key text, position integer, state text, waits_for integer, is_due boolean)`,
);
const FIELDS = `r.org_id, r.id, r.definition_id, d.name as definition_name, d.version as definition_version, r.state, r.priority, r.budget_micros, r.concurrency_key,
  r.input, r.context, r.context_asset, r.context_bytes, r.error, r.created_by_kind, r.created_by, r.schedule_id, r.parent_run_id, r.parent_node, r.created_at, r.started_at, r.deadline_at, r.completed_at`;
const FROM =
  'from workflow_runs r join workflow_definitions d on d.org_id = r.org_id and d.id = r.definition_id where r.org_id = $1';
const byId = statement<Row>('workflow_runs.by_id', `select ${FIELDS} ${FROM} and r.id = $2`);
const list = statement<Row>(
  'workflow_runs.list',
  `select ${FIELDS} ${FROM} and ($2::text is null or r.created_by = $2) and ($3::text is null or r.state = $3)
     and ($4::text is null or d.name = $4) and r.job is null
     and ($5::uuid is null or (r.created_at, r.id) < (select c.created_at, c.id from workflow_runs c where c.org_id = $1 and c.id = $5))
   order by r.created_at desc, r.id desc limit $6`,
);
const depthOf = statement<{ depth: number; budgeted_by: string[] | null }>(
  'workflow_runs.depth',
  'select depth, budgeted_by from workflow_runs where org_id = $1 and id = $2',
);
const NODE_FIELDS = 'key, item, state, attempt, due_at, output, spread, error, started_at, completed_at';
const nodes = statement<NodeRecord>(
  'workflow_runs.nodes',
  `select ${NODE_FIELDS} from workflow_nodes where org_id = $1 and run_id = $2 and item = -1 order by position`,
);
const items = statement<NodeRecord>(
  'workflow_runs.items',
  `select ${NODE_FIELDS} from workflow_nodes
   where org_id = $1 and run_id = $2 and key = $3 and item > greatest($4, -1) order by item limit $5`,
);
const node = statement<NodeRecord>(
  'workflow_runs.node',
  `select ${NODE_FIELDS} from workflow_nodes where org_id = $1 and run_id = $2 and key = $3 and item = -1`,
);
const renew = statement(
  'workflow_runs.renew_deadline',
  `update workflow_runs set deadline_at = now() + (deadline_at - created_at)
   where org_id = $1 and id = $2 and deadline_at is not null`,
);
const deleteOld = statement<{ org_id: string; context_asset: string | null }>(
  'workflow_runs.delete_old',
  `delete from workflow_runs where (org_id, id) in (select org_id, id from workflow_runs
     where completed_at < now() - make_interval(days => $1) limit 1000) returning org_id, context_asset`,
);

export type NewRun = {
  progress: RunProgress;
  definitionId: string;
  priority: number;
  input: JsonObject;
  createdBy: Actor;
  requestId: string;
  /** The schedule that makes it; null for somebody. */
  scheduleId: string | null;
  /** Seconds from its making until a run that has not ended fails; null for one that may take for ever. */
  deadlineSeconds: number | null;
  nodes: readonly Pick<NodeDefinition, 'key' | 'dependsOn'>[];
  /** What is known of a job beside its input. */
  job?: object;
  /** When what is ready may begin; now unless given. */
  dueAt?: Date | null;
  /** The node of another run that has it made. */
  parent?: Parent | null;
  concurrencyKey?: string | null;
  /** What it may cost. */
  budget?: Micros | null;
};

/** Runs whose budgets hold one that is made; null where there are none. */
function budgetsOf({ progress, budget = null, parent }: NewRun): string[] | null {
  const held = [...(budget === null ? [] : [progress.runId]), ...(parent?.budgetedBy ?? [])];
  return held.length === 0 ? null : held;
}

/** Adds a run with its nodes as far as they were decided on already. */
export function insertRunWithNodes(tx: Tx, of: NewRun): void {
  const { orgId, runId, changes } = of.progress;
  const { state, context, nodesLeft } = changes.run;
  const values: SqlValue[] = [orgId, runId, of.definitionId, state, of.priority];
  const json = [JSON.stringify(of.input), JSON.stringify(context)];
  const by = [of.createdBy.kind, of.createdBy.id, of.requestId, of.deadlineSeconds, of.scheduleId];
  const { parent } = of;
  const above = [parent?.runId ?? null, parent?.key ?? null, parent?.item ?? null, parent?.depth ?? 0];
  const job = of.job === undefined ? null : JSON.stringify(of.job);
  const limits = [of.createdBy.limitedTo, of.concurrencyKey ?? null, of.budget ?? null, budgetsOf(of)];
  tx.defer(insertRun, [...values, ...json, nodesLeft, ...by, job, ...above, ...limits]);
  const rows = of.nodes.map(({ key, dependsOn }, position) => {
    const { state: nodeState, dueAt } = changes.nodes.get(key) ?? { state: 'pending', dueAt: null };
    return { key, position, state: nodeState, waits_for: dependsOn.length, is_due: dueAt !== null };
  });
  tx.defer(insertNodes, [orgId, runId, of.priority, JSON.stringify(rows), of.dueAt ?? null]);
  movePlaces(tx, [of.progress]);
}

/** How many runs are above one, and the runs whose budgets hold it. */
export async function findAbove(tx: Tx, orgId: string, id: string): Promise<Pick<Parent, 'depth' | 'budgetedBy'>> {
  const [row] = await tx.query(depthOf, [orgId, id]);
  return { depth: row?.depth ?? 0, budgetedBy: row?.budgeted_by ?? [] };
}

export async function findRun(tx: Tx, orgId: string, id: string): Promise<WorkflowRun | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toRun(row) : null;
}

export type RunPage = {
  orgId: string;
  /** Whose runs; null for everybody's. */
  createdBy: string | null;
  state: RunState | null;
  definition: string | null;
  after: string | null;
  limit: number;
};

/** Runs, newest first. */
export async function listRuns(tx: Tx, of: RunPage): Promise<WorkflowRun[]> {
  const rows = await tx.query(list, [of.orgId, of.createdBy, of.state, of.definition, of.after, of.limit]);
  return rows.map(toRun);
}

export async function listNodes(tx: Tx, orgId: string, id: string): Promise<RunNode[]> {
  return (await tx.query(nodes, [orgId, id])).map(toRunNode);
}

export async function findNode(
  tx: Tx,
  { orgId, runId, key }: { orgId: string; runId: string; key: string },
): Promise<RunNode | null> {
  const [row] = await tx.query(node, [orgId, runId, key]);
  return row ? toRunNode(row) : null;
}

export type ItemPage = { orgId: string; id: string; key: string; after: number; limit: number };

/** Items of a node, in the order of its list. */
export async function listItems(tx: Tx, { orgId, id, key, after, limit }: ItemPage): Promise<RunNode[]> {
  return (await tx.query(items, [orgId, id, key, after, limit])).map(toRunNode);
}

const toRunNode = (row: NodeRecord): RunNode => ({
  evaluationId: null,
  key: nameOf(row),
  state: row.state,
  attempt: row.attempt,
  dueAt: row.due_at,
  output: row.output,
  items: row.spread && { total: row.spread.total, left: row.spread.left },
  error: row.error,
  startedAt: row.started_at,
  completedAt: row.completed_at,
});

/** Gives a run as long again as it had at first. */
export const renewDeadline = (tx: Tx, orgId: string, id: string): void => tx.defer(renew, [orgId, id]);

/** Deletes a batch of runs that ended long ago, and gives of each the asset that was its context, if one was. */
export async function deleteOldRuns(tx: Tx, days: number): Promise<{ orgId: string; contextAsset: string | null }[]> {
  const rows = await tx.query(deleteOld, [days]);
  return rows.map(({ org_id: orgId, context_asset: contextAsset }) => ({ orgId, contextAsset }));
}

const placeOf = ({ context_asset: id, context_bytes: bytes }: Row): WorkflowRun['contextAsset'] =>
  id === null || bytes === null ? null : { id, bytes };

const toRun = (row: Row): WorkflowRun => ({
  orgId: row.org_id,
  id: row.id,
  definition: { id: row.definition_id, name: row.definition_name, version: row.definition_version },
  state: row.state,
  priority: row.priority,
  budget: row.budget_micros,
  concurrencyKey: row.concurrency_key,
  input: row.input,
  context: row.context_asset === null ? row.context : null,
  contextAsset: placeOf(row),
  error: row.error,
  parent:
    row.parent_run_id === null || row.parent_node === null ? null : { runId: row.parent_run_id, node: row.parent_node },
  createdBy: { kind: row.created_by_kind, id: row.created_by },
  scheduleId: row.schedule_id,
  createdAt: row.created_at,
  startedAt: row.started_at,
  deadlineAt: row.deadline_at,
  completedAt: row.completed_at,
});
