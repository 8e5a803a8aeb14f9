import type { RunnerId } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { LeaseName, RunSpec } from '../runners/index.ts';
import { type EvaluationState, OVERRUN_SECONDS, type ResultFile } from './model.ts';

/* Statements of dispatch: over all organizations, on the system handle, each a transaction of its own. */

/*
 * Claims for one runner. `tenants` hops over the queue's index from organization to organization, so the cost follows
 * the number of organizations that wait, not of evaluations. Lock order: evaluations by id, skipping locked rows, so
 * two dispatchers never wait for each other.
 */
const claim = statement<ClaimRow>(
  'dispatch.claim',
  `with recursive tenants as (
     (select e.org_id from evaluations e where e.state = 'queued' order by e.org_id limit 1)
     union all
     select (select e.org_id from evaluations e where e.state = 'queued' and e.org_id > t.org_id order by e.org_id limit 1)
     from tenants t where t.org_id is not null
   ), standing as (
     select t.org_id,
       (select count(*) from evaluations r where r.org_id = t.org_id and r.state = 'running') as running,
       (select max(s.started_at) from evaluations s where s.org_id = t.org_id) as served_at
     from tenants t where t.org_id is not null
   ), candidates as (
     select q.id, q.priority, q.seq, s.served_at,
       s.running + row_number() over (partition by s.org_id, q.priority order by q.seq) as share
     from standing s cross join lateral (
       select e.id, e.priority, e.seq from evaluations e
       where e.org_id = s.org_id and e.state = 'queued' and e.requirement = any($1)
       order by e.priority desc, e.seq limit $2
     ) q
   ), picked as (
     select c.id from candidates c order by c.priority desc, c.share, c.served_at nulls first, c.seq limit $2
   ), locked as (
     select e.id from evaluations e where e.id in (select p.id from picked p) and e.state = 'queued'
     order by e.id for update skip locked
   ), claimed as (
     update evaluations e set state = 'running', started_at = clock_timestamp(), attempt = e.attempt + 1, fence = e.fence + 1,
       runner_id = $3, lease_expires_at = now() + make_interval(secs => $4)
     from locked l where e.id = l.id
     returning e.org_id, e.id, e.fence, e.language, e.engine, e.code, e.stdin, e.args, e.env, e.files, e.outputs, e.limits,
       extract(epoch from now() - e.created_at) as waited
   ), told as (
     insert into events (org_id, type, subject, data)
     select c.org_id, 'evaluation.running', c.id, jsonb_build_object('eval_id', c.id, 'status', 'running') from claimed c
   )
   select * from claimed`,
);

const renew = statement<{ id: string }>(
  'dispatch.renew',
  `update evaluations e set lease_expires_at = now() + make_interval(secs => $3)
   from unnest($1::text[], $2::bigint[]) as held (id, fence)
   where e.id = held.id and e.fence = held.fence and e.state = 'running'
     and e.started_at > now() - make_interval(secs => $4 + (e.limits->>'wall_ms')::double precision / 1000)
   returning e.id`,
);

const adopt = statement<{ org_id: string; id: string; fence: number; cancelled: boolean }>(
  'dispatch.adopt',
  `update evaluations e set lease_expires_at = now() + make_interval(secs => $3)
   from unnest($1::text[], $2::bigint[]) as held (id, fence)
   where e.id = held.id and e.fence = held.fence and e.state = 'running' and e.runner_id = $4
   returning e.org_id, e.id, e.fence, e.cancel_requested_at is not null as cancelled`,
);

// What the runner no longer knows of ended with its process.
const release = statement<{ id: string }>(
  'dispatch.release',
  `with lost as (
     select e.id from evaluations e
     where e.state = 'running' and e.runner_id = $1 and not (e.id = any($2)) order by e.id for update
   ), again as (
     update evaluations e set state = 'queued', lease_expires_at = null, runner_id = null
     from lost l where e.id = l.id and e.attempt < $3 and e.cancel_requested_at is null returning e.org_id, e.id
   ), told as (
     insert into events (org_id, type, subject, data)
     select a.org_id, 'evaluation.queued', a.id, jsonb_build_object('eval_id', a.id, 'status', 'queued', 'retried', true) from again a
   ), expired as (
     update evaluations e set lease_expires_at = now() - interval '1 second'
     from lost l where e.id = l.id and (e.attempt >= $3 or e.cancel_requested_at is not null)
   ), swept as (
     delete from evaluation_output o using lost l where o.evaluation_id = l.id
   )
   select id from again`,
);

const giveBack = statement<{ id: string }>(
  'dispatch.give_back',
  `with again as (
     update evaluations e set state = 'queued', lease_expires_at = null, runner_id = null
     where e.id = $1 and e.fence = $2 and e.state = 'running' and e.attempt < $3 and e.cancel_requested_at is null
     returning e.org_id, e.id
   ), told as (
     insert into events (org_id, type, subject, data)
     select a.org_id, 'evaluation.queued', a.id, jsonb_build_object('eval_id', a.id, 'status', 'queued', 'retried', true) from again a
   ), swept as (
     delete from evaluation_output o using again a where o.evaluation_id = a.id
   )
   select id from again`,
);

const finish = statement<{ is_awaited: boolean }>(
  'dispatch.finish',
  `with ended as (
     update evaluations e set state = $3, completed_at = clock_timestamp(), lease_expires_at = null,
       reason = case when $3 = 'cancelled' then coalesce(e.cancel_reason, $4) else $4 end,
       message = $5, exit_code = $6, signal = $7, output = $8, error = $9, output_truncated = $10,
       output_asset_id = $11, error_asset_id = $12, result_files = $13, runtime_ms = $14, compile_ms = $15, cpu_ms = $16,
       memory_peak_mb = $17, receipt = $18, dead_lettered_at = case when $19::boolean then now() end
     where e.id = $1 and e.fence = $2 and e.state = 'running'
     returning e.org_id, e.id, e.state, e.exit_code, e.reason, e.message, e.runtime_ms, e.workflow_run_id
   ), told as (
     insert into events (org_id, type, subject, data)
     select d.org_id, 'evaluation.' || d.state, d.id, jsonb_build_object('eval_id', d.id, 'status', d.state,
       'exit_code', d.exit_code, 'reason', d.reason, 'message', d.message, 'runtime_ms', d.runtime_ms) from ended d
   ), swept as (
     delete from evaluation_output o using ended d where o.evaluation_id = d.id and $20::boolean
   )
   select workflow_run_id is not null as is_awaited from ended`,
);

const addOutput = statement<{ id: string }>(
  'dispatch.output',
  `with added as (
     insert into evaluation_output (org_id, evaluation_id, stream, position, bytes)
     select e.org_id, e.id, $3, $4, $5 from evaluations e where e.id = $1 and e.fence = $2 and e.state = 'running'
     on conflict on constraint evaluation_output__pk do nothing
     returning org_id, evaluation_id
   )
   insert into events (org_id, type, subject, data)
   select a.org_id, 'evaluation.output', a.evaluation_id,
     jsonb_build_object('eval_id', a.evaluation_id, 'stream', $3::text, 'offset', $4::bigint, 'text', $6::text)
   from added a returning subject as id`,
);

const allOutput = statement<{ stream: 'stdout' | 'stderr'; position: number; bytes: Buffer }>(
  'dispatch.all_output',
  'select stream, position, bytes from evaluation_output where evaluation_id = $1 order by stream, position',
);

type ClaimRow = Omit<Claimed, 'spec'> & { org_id: string } & RunSpec;
/** An evaluation that this process has claimed for a runner. */
export type Claimed = { id: string; orgId: string; fence: number; waited: number; spec: RunSpec };

export type ClaimFor = { requirements: readonly string[]; max: number; runnerId: RunnerId; leaseSeconds: number };

export async function claimEvaluations(
  tx: Tx,
  { requirements, max, runnerId, leaseSeconds }: ClaimFor,
): Promise<Claimed[]> {
  const rows = await tx.query(claim, [requirements, max, runnerId, leaseSeconds]);
  return rows.map(
    ({ id, org_id, fence, waited, language, engine, code, stdin, args, env, files, outputs, limits }) => ({
      id,
      orgId: org_id,
      fence,
      waited: Number(waited),
      spec: { language, engine, code, stdin, args, env, files, outputs, limits },
    }),
  );
}

/** Extends leases, but not past the time that the run may take; gives the ids of those that still hold. */
export async function renewLeases(tx: Tx, held: readonly LeaseName[], seconds: number): Promise<Set<string>> {
  const rows = await tx.query(renew, [
    held.map(({ leaseId }) => leaseId),
    held.map(({ fence }) => fence),
    seconds,
    OVERRUN_SECONDS,
  ]);
  return new Set(rows.map(({ id }) => id));
}

export type Adopted = { orgId: string; id: string; fence: number; isCancelled: boolean };

/** Takes over the leases that a runner still holds after it has dialled again. */
export async function adoptLeases(
  tx: Tx,
  runnerId: RunnerId,
  held: readonly LeaseName[],
  seconds: number,
): Promise<Adopted[]> {
  const rows = await tx.query(adopt, [
    held.map(({ leaseId }) => leaseId),
    held.map(({ fence }) => fence),
    seconds,
    runnerId,
  ]);
  return rows.map((row) => ({ orgId: row.org_id, id: row.id, fence: row.fence, isCancelled: row.cancelled }));
}

/** Puts back what the runner was running and no longer holds; what has used its attempts is left to the janitor. */
export async function releaseLost(
  tx: Tx,
  runnerId: RunnerId,
  held: readonly string[],
  maxAttempts: number,
): Promise<void> {
  await tx.query(release, [runnerId, held, maxAttempts]);
}

/** Puts one attempt back into the queue; false when it has used its attempts, is cancelled, or is no longer ours. */
export async function giveBackLease(tx: Tx, name: LeaseName, maxAttempts: number): Promise<boolean> {
  return (await tx.query(giveBack, [name.leaseId, name.fence, maxAttempts])).length > 0;
}

export type Ending = {
  state: EvaluationState;
  reason: string;
  message: string;
  exitCode: number | null;
  signal: string | null;
  output: string;
  error: string;
  outputTruncated: boolean;
  outputAssetId: string | null;
  errorAssetId: string | null;
  files: readonly ResultFile[];
  runtimeMs: number | null;
  compileMs: number | null;
  cpuMs: number | null;
  memoryPeakMb: number | null;
  receipt: Record<string, unknown> | null;
  isDeadLetter: boolean;
  hasPieces: boolean;
};

/**
 * Ends an evaluation under its lease, and says whether a workflow waits for it; null when the lease no longer holds, and
 * then nothing was changed.
 */
export async function finishEvaluation(
  tx: Tx,
  name: LeaseName,
  ending: Ending,
): Promise<{ isAwaited: boolean } | null> {
  const rows = await tx.query(finish, [
    name.leaseId,
    name.fence,
    ending.state,
    ending.reason,
    ending.message,
    ending.exitCode,
    ending.signal,
    ending.output,
    ending.error,
    ending.outputTruncated,
    ending.outputAssetId,
    ending.errorAssetId,
    JSON.stringify(ending.files),
    ending.runtimeMs,
    ending.compileMs,
    ending.cpuMs,
    ending.memoryPeakMb,
    ending.receipt === null ? null : JSON.stringify(ending.receipt),
    ending.isDeadLetter,
    ending.hasPieces,
  ]);
  return rows[0] ? { isAwaited: rows[0].is_awaited } : null;
}

export type Piece = { stream: 'stdout' | 'stderr'; offset: number; bytes: Buffer; text: string };

/** Keeps a piece of output and tells of it, once, under the lease. */
export async function insertOutput(tx: Tx, name: LeaseName, piece: Piece): Promise<void> {
  await tx.query(addOutput, [name.leaseId, name.fence, piece.stream, piece.offset, piece.bytes, piece.text]);
}

/** All pieces that were kept of a run, joined per stream. */
export async function readOutput(tx: Tx, id: string): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const rows = await tx.query(allOutput, [id]);
  const joined = (stream: 'stdout' | 'stderr'): Buffer =>
    Buffer.concat(rows.filter((row) => row.stream === stream).map(({ bytes }) => bytes));
  return { stdout: joined('stdout'), stderr: joined('stderr') };
}
