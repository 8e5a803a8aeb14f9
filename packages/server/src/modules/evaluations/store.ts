import type { EvaluationId, OrganizationId } from '../../kernel/ids.ts';
import { type SqlValue, statement, type Tx } from '../../platform/db/index.ts';
import type { EngineName, IsolationReceipt, RunSpec } from '../runners/index.ts';
import type { Evaluation, EvaluationState, ResultFile, WaitingNode } from './model.ts';

export type Row = {
  org_id: string;
  id: string;
  state: EvaluationState;
  priority: number;
  language: string;
  engine_asked: string;
  engine: EngineName;
  code: string;
  code_preview: string;
  limits: RunSpec['limits'];
  metadata: Record<string, unknown>;
  batch_id: string | null;
  retry_of: string | null;
  workflow_run_id: string | null;
  workflow_node: string | null;
  workflow_item: number | null;
  created_by_kind: string;
  created_by: string;
  created_at: Date;
  started_at: Date | null;
  completed_at: Date | null;
  attempt: number;
  reason: string | null;
  message: string | null;
  exit_code: number | null;
  signal: string | null;
  output: string;
  error: string;
  output_truncated: boolean;
  output_asset_id: string | null;
  error_asset_id: string | null;
  result_files: ResultFile[];
  runtime_ms: number | null;
  compile_ms: number | null;
  cpu_ms: number | null;
  memory_peak_mb: number | null;
  receipt: IsolationReceipt | null;
  dead_lettered_at: Date | null;
};

export const COLUMNS = `org_id, id, state, priority, language, engine_asked, engine, code, code_preview, limits, metadata,
  batch_id, retry_of, workflow_run_id, workflow_node, workflow_item, created_by_kind, created_by, created_at, started_at, completed_at, attempt, reason, message,
  exit_code, signal, output, error, output_truncated, output_asset_id, error_asset_id, result_files, runtime_ms,
  compile_ms, cpu_ms, memory_peak_mb, receipt, dead_lettered_at`;

const INSERTED = `id text, priority integer, batch_id uuid, retry_of text, workflow_run_id uuid, workflow_node text, workflow_item integer, language text, engine_asked text, engine text, code text,
  code_preview text, stdin text, args text[], env jsonb, files jsonb, outputs text[], limits jsonb, metadata jsonb`;
const INSERTED_NAMES = INSERTED.replace(/(\w+) (\w+(?:\[\])?)/g, '$1');

// Rows and their events in one statement, whether one is submitted or a hundred.
const insert = statement(
  'evaluations.insert',
  `with added as (
     insert into evaluations (org_id, created_by_kind, created_by, queue_deadline, ${INSERTED_NAMES})
     select $1, $2, $3, now() + make_interval(secs => $4), ${INSERTED_NAMES} from jsonb_to_recordset($5) as given (${INSERTED})
     returning org_id, id, language, engine, priority, batch_id, workflow_run_id, workflow_node
   )
   insert into events (org_id, type, subject, data)
   select org_id, 'evaluation.queued', id,
     jsonb_build_object('eval_id', id, 'status', 'queued', 'language', language, 'engine', engine, 'priority', priority, 'batch_id', batch_id)
       || case when workflow_run_id is null then '{}' else jsonb_build_object('workflow_run_id', workflow_run_id, 'node', workflow_node) end
   from added`,
);

const byId = statement<Row>('evaluations.by_id', `select ${COLUMNS} from evaluations where org_id = $1 and id = $2`);

// A queued one ends here and now; of a running one the runner is told, and its end is reported or forced.
const requestCancel = statement<{ state: EvaluationState; was_terminal: boolean }>(
  'evaluations.request_cancel',
  `with before as (
     select id, state from evaluations where org_id = $1 and id = $2 for update
   ), asked as (
     update evaluations e set
       cancel_requested_at = coalesce(e.cancel_requested_at, now()),
       cancel_reason = coalesce(e.cancel_reason, $3),
       state = case when b.state = 'queued' then 'cancelled' else e.state end,
       completed_at = case when b.state = 'queued' then now() end,
       reason = case when b.state = 'queued' then $3 end,
       message = case when b.state = 'queued' then 'Cancelled before it ran.' end
     from before b where e.id = b.id and b.state in ('queued', 'running')
     returning e.org_id, e.id, e.state, b.state as was
   ), told as (
     insert into events (org_id, type, subject, data)
     select org_id, 'evaluation.cancelled', id, jsonb_build_object('eval_id', id, 'status', 'cancelled', 'reason', $3::text)
     from asked where was = 'queued'
   )
   select coalesce((select state from asked), before.state) as state, before.state not in ('queued', 'running') as was_terminal from before`,
);

const outputAfter = statement<{ stream: 'stdout' | 'stderr'; position: number; bytes: Buffer }>(
  'evaluations.output_after',
  `select stream, position, bytes from evaluation_output
   where org_id = $1 and evaluation_id = $2
     and position + octet_length(bytes) > case stream when 'stdout' then $3::bigint else $4::bigint end
   order by stream, position limit 200`,
);

const takeDeadLetter = statement<
  Row & { stdin: string; args: string[]; env: Record<string, string>; files: RunSpec['files']; outputs: string[] }
>(
  'evaluations.dead_letter',
  `select ${COLUMNS}, stdin, args, env, files, outputs from evaluations
   where org_id = $1 and id = $2 and dead_lettered_at is not null for update`,
);
const clearDeadLetter = statement(
  'evaluations.clear_dead',
  'update evaluations set dead_lettered_at = null where org_id = $1 and id = $2',
);

export type NewEvaluation = {
  id: EvaluationId;
  priority: number;
  batchId: string | null;
  retryOf: string | null;
  forNode: WaitingNode | null;
  language: string;
  engineAsked: string;
  engine: EngineName;
  code: string;
  codePreview: string;
  stdin: string;
  args: readonly string[];
  env: Record<string, string>;
  files: readonly { path: string; content: string }[];
  outputs: readonly string[];
  limits: RunSpec['limits'];
  metadata: Record<string, unknown>;
};

/** Adds evaluations to the queue, with their events. */
export function insertEvaluations(
  tx: Tx,
  by: { orgId: string; kind: string; id: string; queueSeconds: number },
  evaluations: readonly NewEvaluation[],
): void {
  const rows = evaluations.map((given) => ({
    id: given.id,
    priority: given.priority,
    batch_id: given.batchId,
    retry_of: given.retryOf,
    workflow_run_id: given.forNode?.runId,
    workflow_node: given.forNode?.key,
    workflow_item: given.forNode?.item,
    language: given.language,
    engine_asked: given.engineAsked,
    engine: given.engine,
    code: given.code,
    code_preview: given.codePreview,
    stdin: given.stdin,
    args: given.args,
    env: given.env,
    files: given.files,
    outputs: given.outputs,
    limits: given.limits,
    metadata: given.metadata,
  }));
  tx.defer(insert, [by.orgId, by.kind, by.id, by.queueSeconds, JSON.stringify(rows)] satisfies SqlValue[]);
}

export async function findEvaluation(tx: Tx, orgId: string, id: string): Promise<Evaluation | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toEvaluation(row) : null;
}

/** Asks for an end: a queued evaluation is cancelled at once, a running one is marked. Null when there is none. */
export async function markCancelled(
  tx: Tx,
  orgId: string,
  id: string,
  reason: string,
): Promise<{ state: EvaluationState; wasTerminal: boolean } | null> {
  const [row] = await tx.query(requestCancel, [orgId, id, reason]);
  return row ? { state: row.state, wasTerminal: row.was_terminal } : null;
}

export type OutputRow = { stream: 'stdout' | 'stderr'; position: number; bytes: Buffer };

/** Pieces of a running evaluation's output that end behind the given positions. */
export async function findOutputAfter(
  tx: Tx,
  of: { orgId: string; id: string; stdout: number; stderr: number },
): Promise<OutputRow[]> {
  return tx.query(outputAfter, [of.orgId, of.id, of.stdout, of.stderr]);
}

/** Takes a dead letter with all that it needs to run again, and takes the mark off it. */
export async function takeDeadLetterForRetry(
  tx: Tx,
  orgId: string,
  id: string,
): Promise<Omit<NewEvaluation, 'id'> | null> {
  const [row] = await tx.query(takeDeadLetter, [orgId, id]);
  if (!row) return null;
  tx.defer(clearDeadLetter, [orgId, id]);
  return {
    priority: row.priority,
    batchId: null,
    retryOf: row.id,
    forNode: null,
    language: row.language,
    engineAsked: row.engine_asked,
    engine: row.engine,
    code: row.code,
    codePreview: row.code_preview,
    stdin: row.stdin,
    args: row.args,
    env: row.env,
    files: row.files,
    outputs: row.outputs,
    limits: row.limits,
    metadata: row.metadata,
  };
}

const nodeOf = ({ workflow_run_id: runId, workflow_node: key, workflow_item: item }: Row): WaitingNode | null =>
  runId === null || key === null || item === null ? null : { runId, key, item };

export function toEvaluation(row: Row): Evaluation {
  return {
    id: row.id as EvaluationId,
    orgId: row.org_id as OrganizationId,
    state: row.state,
    priority: row.priority,
    language: row.language,
    engineAsked: row.engine_asked,
    engine: row.engine,
    code: row.code,
    codePreview: row.code_preview,
    limits: row.limits,
    metadata: row.metadata,
    batchId: row.batch_id,
    retryOf: row.retry_of,
    forNode: nodeOf(row),
    createdBy: { kind: row.created_by_kind, id: row.created_by },
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    attempt: row.attempt,
    reason: row.reason,
    message: row.message,
    exitCode: row.exit_code,
    signal: row.signal,
    output: row.output,
    error: row.error,
    outputTruncated: row.output_truncated,
    outputAssetId: row.output_asset_id,
    errorAssetId: row.error_asset_id,
    files: row.result_files,
    runtimeMs: row.runtime_ms,
    compileMs: row.compile_ms,
    cpuMs: row.cpu_ms,
    memoryPeakMb: row.memory_peak_mb,
    receipt: row.receipt,
    deadLetteredAt: row.dead_lettered_at,
  };
}
