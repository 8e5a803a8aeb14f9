import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Failure, RunError } from '../engine/model.ts';
import { JOB_NODE, type JsonObject, type RunState } from '../model.ts';
import { JOB_DEFINITION, JOB_NODES, type Job, type JobRecord, type JobState, jobStateOf } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  state: RunState;
  priority: number;
  input: JsonObject;
  job: JobRecord;
  error: RunError | null;
  created_by_kind: string;
  created_by: string;
  created_at: Date;
  completed_at: Date | null;
  started_at: Date | null;
  due_at: Date | null;
  attempt: number;
  output: unknown;
  last_error: Failure | null;
};

const define = statement(
  'jobs.define',
  `insert into workflow_definitions (org_id, id, name, version, description, nodes, created_by)
   values ($1, $1, $2, 1, '', $3, 'system') on conflict do nothing`,
);
const SELECT = `select r.org_id, r.id, r.state, r.priority, r.input, r.job, r.error, r.created_by_kind, r.created_by,
     r.created_at, r.completed_at, n.started_at, n.due_at, n.attempt, n.output, n.error as last_error
   from workflow_runs r
   join workflow_nodes n on n.org_id = r.org_id and n.run_id = r.id and n.key = '${JOB_NODE}' and n.item = -1
   where r.org_id = $1 and r.job is not null`;
const byId = statement<Row>('jobs.by_id', `${SELECT} and r.id = $2`);
const PAGE = `and ($2::text is null or r.created_by = $2)
     and ($3::uuid is null or (r.created_at, r.id) < (select c.created_at, c.id from workflow_runs c where c.org_id = $1 and c.id = $3))`;
const NEWEST = 'order by r.created_at desc, r.id desc limit $4';
const list = statement<Row>('jobs.list', `${SELECT} ${PAGE} and ($5::text is null or r.state = $5) ${NEWEST}`);
const listLive = statement<Row>(
  'jobs.list_live',
  `${SELECT} and r.completed_at is null ${PAGE} and (n.started_at is not null) = ($5 = 'started') ${NEWEST}`,
);
const dead = statement<Row>(
  'jobs.dead_letters',
  `${SELECT} and r.state = 'failed' ${PAGE} and ($5::text is null or r.error->>'code' = $5) ${NEWEST}`,
);

/** Makes sure that an organization has the definition that its jobs are runs of. */
export const defineJobs = (tx: Tx, orgId: string): void =>
  tx.defer(define, [orgId, JOB_DEFINITION, JSON.stringify(JOB_NODES)]);

export async function findJob(tx: Tx, orgId: string, id: string): Promise<Job | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toJob(row) : null;
}

export type JobPage = { orgId: string; createdBy: string | null; after: string | null; limit: number };

/** Jobs, newest first. */
export async function listJobs(tx: Tx, of: JobPage & { state: JobState | null }): Promise<Job[]> {
  const isLive = of.state === 'pending' || of.state === 'started';
  return (await tx.query(isLive ? listLive : list, [of.orgId, of.createdBy, of.after, of.limit, of.state])).map(toJob);
}

/** Jobs that failed for good, newest first. */
export async function listDeadJobs(tx: Tx, of: JobPage & { code: string | null }): Promise<Job[]> {
  return (await tx.query(dead, [of.orgId, of.createdBy, of.after, of.limit, of.code])).map(toJob);
}

const toJob = (row: Row): Job => ({
  ...row.job,
  orgId: row.org_id,
  id: row.id,
  state: jobStateOf(row.state, row.started_at),
  priority: row.priority,
  request: row.input,
  attempts: row.attempt,
  output: row.output,
  error: row.error ?? row.last_error,
  createdBy: { kind: row.created_by_kind, id: row.created_by },
  createdAt: row.created_at,
  dueAt: row.due_at,
  startedAt: row.started_at,
  completedAt: row.completed_at,
});
