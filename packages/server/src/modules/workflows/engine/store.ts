import type { Json } from '../../../kernel/json.ts';
import { type SqlValue, type Statement, statement, type Tx } from '../../../platform/db/index.ts';
import { insertEvents } from '../../events/index.ts';
import type { Kept } from '../context/contexts.ts';
import type { StoredContext } from '../context/store.ts';
import { isTerminal, JOB_NODE, type JsonObject, type NodeDefinition, type NodeState, type RunState } from '../model.ts';
import type { Actor } from '../runs/model.ts';
import type { Changes } from './changes.ts';
import { type NodeRef, type NodeRow, nameOf, type RunRow, type Spread, type Sweep } from './model.ts';
import type { RunProgress } from './run-progress.ts';
import { movePlaces } from './store-places.ts';

/* Statements of the engine: over all organizations, on the system handle. Runs are locked in the order of their ids. */

type NodeRecord = [string, number, NodeState, number, number, number, number, Spread | null];
type RunRecord = {
  org_id: string;
  id: string;
  definition_id: string;
  state: RunState;
  priority: number;
  context: JsonObject;
  context_asset: string | null;
  nodes_left: number;
  failed_at: string | null;
  created_by_kind: string;
  created_by: string;
  limited_to: string[] | null;
  request_id: string;
  parent_run_id: string | null;
  parent_node: string | null;
  parent_item: number | null;
  budgeted_by: string[] | null;
  now: Date;
  nodes: NodeRecord[];
};

const lockRuns = statement(
  'workflows.lock_runs',
  `select from workflow_runs r join unnest($1::uuid[], $2::uuid[]) as wanted (org_id, id) on r.org_id = wanted.org_id and r.id = wanted.id
   order by r.org_id, r.id for update of r`,
);
// A statement of its own: only then does it see what was committed while the lock was waited for. Of items only those are
// read that somebody names, or that are to be made again.
const readLocked = statement<RunRecord>(
  'workflows.read_locked',
  `select r.org_id, r.id, r.definition_id, r.state, r.priority, r.context, r.context_asset, r.nodes_left, r.error->>'node' as failed_at,
     r.created_by_kind, r.created_by, r.limited_to, r.request_id, r.budgeted_by,
     r.parent_run_id, r.parent_node, r.parent_item, clock_timestamp() as now, n.nodes
   from json_to_recordset($1::json) as w (org_id uuid, id uuid, keys text[], items integer[], all_nodes boolean)
   join workflow_runs r on r.org_id = w.org_id and r.id = w.id
   cross join lateral (
     select coalesce(json_agg(json_build_array(f.key, f.item, f.state, f.waits_for, f.reached, f.attempt, f.fence, f.spread)), '[]') as nodes
     from (
       select n.* from unnest(w.keys, w.items) as k (key, item)
       join workflow_nodes n on n.org_id = w.org_id and n.run_id = w.id and n.key = k.key and n.item = k.item
       where not w.all_nodes
       union all
       select n.* from workflow_nodes n
       where w.all_nodes and n.org_id = w.org_id and n.run_id = w.id and (n.item = -1 or n.state <> 'completed')
     ) f
   ) n`,
);
const writeRuns = statement(
  'workflows.write_runs',
  `update workflow_runs r set state = c.state, nodes_left = c.nodes_left,
     context = case when c.sets_context then c.context else r.context end,
     context_asset = case when c.sets_context then c.context_asset else r.context_asset end,
     context_bytes = case when c.sets_context then c.context_bytes else r.context_bytes end,
     error = case when c.state = 'failed' then coalesce(c.error, r.error) end,
     started_at = case when c.state not in ('created', 'queued') then coalesce(r.started_at, now()) else r.started_at end,
     completed_at = case when c.state in ('completed', 'failed', 'cancelled') then coalesce(r.completed_at, now()) end
   from json_to_recordset($1::json) as c (org_id uuid, id uuid, state text, nodes_left integer, sets_context boolean,
     context jsonb, context_asset uuid, context_bytes integer, error jsonb)
   where r.org_id = c.org_id and r.id = c.id`,
);
// Whoever ends a run has it locked, and not the one above it: only this node of that one.
const wakeParents = statement(
  'workflows.wake_parents',
  `update workflow_nodes n set due_at = now()
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[]) as p (org_id, run_id, key, item, child)
   where n.org_id = p.org_id and n.run_id = p.run_id and n.key = p.key and n.item = p.item
     and n.state = 'waiting' and n.resume->>'child_run_id' = p.child`,
);
const insertItems = statement(
  'workflows.insert_items',
  `insert into workflow_nodes (org_id, run_id, key, item, position, state, priority, input)
   select n.org_id, n.run_id, n.key, i.ordinality - 1, n.position, 'pending', n.priority, i.value
   from json_to_recordset($1::json) as s (org_id uuid, run_id uuid, key text, items jsonb)
   join workflow_nodes n on n.org_id = s.org_id and n.run_id = s.run_id and n.key = s.key and n.item = -1
   cross join lateral jsonb_array_elements(s.items) with ordinality as i`,
);
// What was claimed since it was read is not put back, but what is to end ends.
const writeNodes = statement(
  'workflows.write_nodes',
  `update workflow_nodes n set state = c.state, waits_for = c.waits_for, reached = c.reached, due_at = c.due_at,
     attempt = coalesce(c.attempt, n.attempt), spread = coalesce(c.spread, n.spread),
     lease_expires_at = now() + make_interval(secs => c.lease_seconds), fence = n.fence + (c.lease_seconds is not null)::int,
     started_at = case when c.begins then coalesce(n.started_at, clock_timestamp()) else n.started_at end,
     resume = case when c.sets_resume then c.resume else n.resume end,
     output = case when c.sets_output then c.output else n.output end,
     error = case when c.sets_error then c.error else n.error end,
     completed_at = case when c.is_end then clock_timestamp() end
   from json_to_recordset($1::json) as c (org_id uuid, run_id uuid, key text, item integer, fence bigint, state text,
     waits_for integer, reached integer, attempt integer, due_at timestamptz, sets_resume boolean, resume jsonb,
     sets_output boolean, output jsonb, sets_error boolean, error jsonb, spread jsonb, lease_seconds double precision, begins boolean, is_end boolean)
   where n.org_id = c.org_id and n.run_id = c.run_id and n.key = c.key and n.item = c.item
     and (c.fence is null or n.fence = c.fence or c.is_end)`,
);
const sweeps: Record<Sweep, Statement<unknown>> = {
  hold: statement(
    'workflows.hold_nodes',
    `update workflow_nodes n set due_at = null from unnest($1::uuid[], $2::uuid[]) as r (org_id, run_id)
     where n.org_id = r.org_id and n.run_id = r.run_id and n.state = 'ready'`,
  ),
  release: statement(
    'workflows.release_nodes',
    `update workflow_nodes n set due_at = now() from unnest($1::uuid[], $2::uuid[]) as r (org_id, run_id)
     where n.org_id = r.org_id and n.run_id = r.run_id and n.state = 'ready' and n.due_at is null`,
  ),
  cancel: statement(
    'workflows.cancel_nodes',
    `update workflow_nodes n set state = 'cancelled', due_at = null, lease_expires_at = null, resume = null, completed_at = clock_timestamp()
     from unnest($1::uuid[], $2::uuid[]) as r (org_id, run_id)
     where n.org_id = r.org_id and n.run_id = r.run_id and n.state not in ('completed', 'failed', 'skipped', 'cancelled')`,
  ),
};
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
     returning n.org_id, n.run_id, n.key, n.item, n.attempt, n.fence, n.resume, n.input, n.spread
   ), told as (
     insert into events (org_id, type, subject, data)
     select c.org_id, case when c.key = '${JOB_NODE}' then 'job.started' else 'workflow.node.started' end, c.run_id::text,
       case when c.key = '${JOB_NODE}' then jsonb_build_object('job_id', c.run_id, 'attempt', c.attempt)
       else jsonb_build_object('workflow_run_id', c.run_id, 'node', c.key || case when c.item >= 0 then '#' || c.item else '' end,
         'attempt', c.attempt) end from claimed c
   )
   select c.org_id, c.run_id, c.key, c.item, c.attempt, c.fence, c.resume, c.input, c.spread, r.definition_id,
     r.created_by_kind, r.created_by, r.limited_to, r.request_id, r.budgeted_by,
     case when row_number() over (partition by r.id) = 1 then r.context end as context, r.context_asset
   from claimed c join workflow_runs r on r.org_id = c.org_id and r.id = c.run_id`,
);
const renew = statement<{ run_id: string; key: string; item: number; fence: number }>(
  'workflows.renew',
  `update workflow_nodes n set lease_expires_at = now() + make_interval(secs => $6)
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::bigint[]) as held (org_id, run_id, key, item, fence)
   where n.org_id = held.org_id and n.run_id = held.run_id and n.key = held.key and n.item = held.item and n.fence = held.fence
     and n.state = 'running'
   returning n.run_id, n.key, n.item, n.fence`,
);
const expired = statement<ExpiredRecord>(
  'workflows.expired',
  `select n.org_id, n.run_id, n.key, n.item, n.fence, r.definition_id
   from workflow_nodes n join workflow_runs r on r.org_id = n.org_id and r.id = n.run_id
   where n.lease_expires_at < now() order by n.lease_expires_at limit $1`,
);
const overdue = statement<{ org_id: string; id: string }>(
  'workflows.overdue',
  'select r.org_id, r.id from workflow_runs r where r.completed_at is null and r.deadline_at < now() limit $1',
);
const unawaited = statement<{ org_id: string; id: string }>(
  'workflows.unawaited',
  `select c.org_id, c.id from workflow_runs c
   where c.parent_run_id is not null and c.completed_at is null and not exists (
     select from workflow_nodes n where n.org_id = c.org_id and n.run_id = c.parent_run_id and n.key = c.parent_node
       and n.item = c.parent_item and n.resume->>'child_run_id' = c.id::text)
   limit $1`,
);
const unended = statement<{ org_id: string; id: string }>(
  'workflows.unended',
  'select r.org_id, r.id from workflow_runs r where r.org_id = $1 and r.completed_at is null limit $2',
);
type GraphRecord = { name: string; nodes: NodeDefinition[]; is_limited: boolean };
const graph = statement<GraphRecord>(
  'workflows.graph',
  `select d.name, d.nodes, d.concurrency <> '[]' as is_limited from workflow_definitions d where d.org_id = $1 and d.id = $2`,
);

const itemOutputs = statement<{ item: number; output: Json }>(
  'workflows.item_outputs',
  `select n.item, n.output from workflow_nodes n where n.org_id = $1 and n.run_id = $2 and n.key = $3 and n.item >= 0 order by n.item`,
);

const itemOutputBytes = statement<{ bytes: number }>(
  'workflows.item_output_bytes',
  `select coalesce(sum(octet_length(n.output::text)), 0)::bigint as bytes from workflow_nodes n
   where n.org_id = $1 and n.run_id = $2 and n.key = $3 and n.item >= 0`,
);

type ExpiredRecord = {
  org_id: string;
  run_id: string;
  key: string;
  item: number;
  fence: number;
  definition_id: string;
};
type ClaimRecord = {
  org_id: string;
  run_id: string;
  key: string;
  item: number;
  attempt: number;
  fence: number;
  resume: JsonObject | null;
  input: Json;
  spread: Spread | null;
  definition_id: string;
  created_by_kind: string;
  created_by: string;
  limited_to: string[] | null;
  request_id: string;
  /** Of the first node of each run. */
  context: JsonObject | null;
  context_asset: string | null;
  budgeted_by: string[] | null;
};

export type RunName = { orgId: string; id: string };
export type NodeName = NodeRef & { orgId: string; runId: string; fence: number };
/** A node that this process has under a lease; `input` is what an item is given. */
export type Claimed = NodeName & {
  attempt: number;
  resume: JsonObject | null;
  input: Json;
  spread: Spread | null;
  definitionId: string;
} & RunOrigin;
/** A claimed node, and the context that it reads. */
export type Due = { claimed: Claimed; stored: StoredContext };
/** A run that is to be locked, and which of its nodes are to be read: `all` are those with items that did not complete. */
export type Wanted = RunName & { nodes: readonly NodeRef[] | 'all' };
/** In whose name attempts are made, the request that the run was made by, and the runs whose budgets hold it. */
export type RunOrigin = { maker: Actor; requestId: string; budgetedBy: readonly string[] };
/**
 * Of a run whose context is an asset, `run` has none before it is loaded. `now` is by the clock of the database, which all
 * workers share.
 */
export type LockedRun = {
  run: RunRow;
  contextAsset: string | null;
  nodes: NodeRow[];
  origin: RunOrigin;
  now: Date;
};

/** Locks runs, and reads nodes of them. Runs that are not there are left out. */
export async function lockForProgress(tx: Tx, wanted: readonly Wanted[]): Promise<LockedRun[]> {
  tx.defer(lockRuns, namesOf(wanted));
  const rows = wanted.map(({ orgId: org_id, id, nodes }) => {
    const named = nodes === 'all' ? [] : [...new Map(nodes.map((node) => [nameOf(node), node])).values()];
    const [keys, items] = [named.map(({ key }) => key), named.map(({ item }) => item)];
    return { org_id, id, keys, items, all_nodes: nodes === 'all' };
  });
  const found = await tx.query(readLocked, [JSON.stringify(rows)]);
  return found.map((row) => ({
    run: toRun(row),
    contextAsset: row.context_asset,
    nodes: row.nodes.map(toNode),
    origin: originOf(row),
    now: row.now,
  }));
}

/** Writes what was decided of locked runs. @param kept where the contexts are that changed */
export function writeProgress(tx: Tx, decided: readonly RunProgress[], kept: Kept = new Map()): void {
  const of = decided.map(({ orgId, runId, changes }) => ({ orgId, id: runId, changes }));
  const events = of.flatMap(({ orgId, changes }) => changes.events.map((event) => ({ orgId, event })));
  if (events.length > 0) insertEvents(tx, events);
  deferRows(
    tx,
    writeRuns,
    of.flatMap((each) => runRecords(each, kept)),
  );
  wakeParentsOf(tx, decided);
  deferRows(tx, insertItems, of.flatMap(itemRecords));
  deferRows(tx, writeNodes, of.flatMap(nodeRecords));
  for (const [sweep, statementOf] of Object.entries(sweeps)) {
    const swept = of.filter(({ changes }) => changes.sweep === sweep);
    if (swept.length > 0) tx.defer(statementOf, namesOf(swept));
  }
  movePlaces(tx, decided);
}

function wakeParentsOf(tx: Tx, decided: readonly RunProgress[]): void {
  const above = decided.flatMap(({ orgId, runId, state, parent }) =>
    parent !== null && isTerminal(state) ? [{ ...parent, orgId, child: runId }] : [],
  );
  if (above.length === 0) return;
  const column = <Name extends keyof (typeof above)[number]>(name: Name) => above.map((each) => each[name]);
  tx.defer(wakeParents, [column('orgId'), column('runId'), column('key'), column('item'), column('child')]);
}

const namesOf = (names: readonly RunName[]): SqlValue[] => [names.map(({ orgId }) => orgId), names.map(({ id }) => id)];

function deferRows(tx: Tx, of: Statement<unknown>, rows: readonly object[]): void {
  if (rows.length > 0) tx.defer(of, [JSON.stringify(rows)]);
}

type Decided = RunName & { changes: Changes };

function runRecords({ orgId: org_id, id, changes: { run, isRunSame, isContextSame } }: Decided, kept: Kept) {
  if (isRunSame) return [];
  const { state, nodesLeft: nodes_left, context, error } = run;
  const of = { org_id, id, state, nodes_left, error };
  if (isContextSame) return [{ ...of, sets_context: false }];
  const place = kept.get(id);
  if (place === undefined) throw new Error(`Nobody said where the context of run ${id} is to be kept.`);
  if (place === null) return [{ ...of, sets_context: true, context }];
  return [{ ...of, sets_context: true, context: {}, context_asset: place.asset, context_bytes: place.bytes }];
}

const itemRecords = ({ orgId: org_id, id: run_id, changes }: Decided) =>
  [...changes.items].map(([key, items]) => ({ org_id, run_id, key, items }));

const nodeRecords = ({ orgId: org_id, id: run_id, changes }: Decided) =>
  [...changes.nodes.values()].map((change) => ({
    org_id,
    run_id,
    key: change.key,
    item: change.item,
    fence: change.fence,
    state: change.state,
    waits_for: change.waitsFor,
    reached: change.reached,
    attempt: change.attempt,
    due_at: change.dueAt,
    spread: change.spread,
    lease_seconds: change.leaseSeconds,
    begins: change.begins,
    is_end: isTerminal(change.state),
    ...optional('resume', change.resume),
    ...optional('output', change.output),
    ...optional('error', change.error),
  }));

const optional = (name: string, value: unknown): Record<string, unknown> =>
  value === undefined ? { [`sets_${name}`]: false } : { [`sets_${name}`]: true, [name]: value };

/** Takes what is due, the most important first. */
export async function claimNodes(tx: Tx, max: number, leaseSeconds: number): Promise<Due[]> {
  const rows = await tx.query(claim, [max, leaseSeconds]);
  const contexts = new Map(rows.flatMap(({ run_id, context }) => (context === null ? [] : [[run_id, context]])));
  return rows.map((row) => ({
    claimed: toClaimed(row),
    stored: { context: contexts.get(row.run_id) ?? {}, asset: row.context_asset },
  }));
}

const toClaimed = (row: ClaimRecord): Claimed => ({
  orgId: row.org_id,
  runId: row.run_id,
  key: row.key,
  item: row.item,
  fence: row.fence,
  attempt: row.attempt,
  resume: row.resume,
  input: row.input,
  spread: row.spread,
  definitionId: row.definition_id,
  ...originOf(row),
});

/** Extends leases; gives the names of those that still hold, as `attemptName` writes them. */
export async function renewNodes(tx: Tx, held: readonly NodeName[], seconds: number): Promise<Set<string>> {
  const rows = await tx.query(renew, [
    held.map(({ orgId }) => orgId),
    held.map(({ runId }) => runId),
    held.map(({ key }) => key),
    held.map(({ item }) => item),
    held.map(({ fence }) => fence),
    seconds,
  ]);
  return new Set(rows.map(({ run_id, ...of }) => attemptName({ runId: run_id, ...of })));
}

export const attemptName = ({ runId, fence, ...ref }: Omit<NodeName, 'orgId'>): string =>
  `${runId} ${nameOf(ref)} ${fence}`;

/** What the items of a node gave, in their order; null for one that gave nothing. */
export const readItemOutputs = async (tx: Tx, { orgId, runId, key }: NodeName): Promise<Json[]> =>
  (await tx.query(itemOutputs, [orgId, runId, key])).map(({ output }) => output);

/** How much that is, so that nobody reads what would be refused. */
export const sizeOfItemOutputs = async (tx: Tx, { orgId, runId, key }: NodeName): Promise<number> =>
  (await tx.query(itemOutputBytes, [orgId, runId, key]))[0]?.bytes ?? 0;

/** Attempts whose worker is gone. */
export async function findExpired(tx: Tx, most: number): Promise<(NodeName & { definitionId: string })[]> {
  const rows = await tx.query(expired, [most]);
  return rows.map(({ org_id, run_id, definition_id, ...of }) => ({
    orgId: org_id,
    runId: run_id,
    definitionId: definition_id,
    ...of,
  }));
}

/** Runs that are past their deadline. */
export async function findOverdue(tx: Tx, most: number): Promise<RunName[]> {
  return (await tx.query(overdue, [most])).map(({ org_id, id }) => ({ orgId: org_id, id }));
}

/** Runs that were made by a node that does not wait for them any more. */
export async function findUnawaited(tx: Tx, most: number): Promise<RunName[]> {
  return (await tx.query(unawaited, [most])).map(({ org_id, id }) => ({ orgId: org_id, id }));
}

/** Runs of an organization that have not ended. */
export async function findUnended(tx: Tx, orgId: string, most: number): Promise<RunName[]> {
  return (await tx.query(unended, [orgId, most])).map(({ org_id, id }) => ({ orgId: org_id, id }));
}

export async function readGraph(tx: Tx, orgId: string, id: string): Promise<GraphRecord | null> {
  return (await tx.query(graph, [orgId, id]))[0] ?? null;
}

type OriginRecord = Pick<RunRecord, 'created_by_kind' | 'created_by' | 'limited_to' | 'request_id' | 'budgeted_by'>;
const originOf = (row: OriginRecord): RunOrigin => ({
  maker: { kind: row.created_by_kind, id: row.created_by, limitedTo: row.limited_to },
  requestId: row.request_id,
  budgetedBy: row.budgeted_by ?? [],
});

const toRun = (row: RunRecord): RunRow => ({
  orgId: row.org_id,
  id: row.id,
  definitionId: row.definition_id,
  state: row.state,
  priority: row.priority,
  context: row.context,
  nodesLeft: row.nodes_left,
  parent: parentOf(row),
  failedAt: row.failed_at,
});

const parentOf = ({ parent_run_id: runId, parent_node: key, parent_item: item }: RunRecord): RunRow['parent'] =>
  runId === null || key === null || item === null ? null : { runId, key, item };

const toNode = ([key, item, state, waitsFor, reached, attempt, fence, spread]: NodeRecord): NodeRow => ({
  key,
  item,
  state,
  waitsFor,
  reached,
  attempt,
  fence,
  spread,
});
