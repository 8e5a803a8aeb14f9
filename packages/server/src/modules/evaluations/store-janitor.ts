import { statement, type Tx } from '../../platform/db/index.ts';
import { deleteAssets } from '../assets/index.ts';

/* Statements that end what nobody else will end. On the system handle; lock order: evaluations by id, skipping locked. */

const expireLeases = statement<{ id: string; state: string }>(
  'janitor.expire_leases',
  `with dead as (
     select e.id from evaluations e where e.state = 'running' and e.lease_expires_at < now()
     order by e.id limit 200 for update skip locked
   ), moved as (
     update evaluations e set
       state = case when e.cancel_requested_at is not null then 'cancelled' when e.attempt < $1 then 'queued' else 'failed' end,
       reason = case when e.cancel_requested_at is not null then e.cancel_reason when e.attempt >= $1 then 'runner_lost' end,
       message = case when e.cancel_requested_at is null and e.attempt >= $1
         then 'Its runner was lost ' || e.attempt || ' times. Retry it from the dead letters.' end,
       completed_at = case when e.cancel_requested_at is not null or e.attempt >= $1 then now() end,
       dead_lettered_at = case when e.cancel_requested_at is null and e.attempt >= $1 then now() end,
       lease_expires_at = null, runner_id = null, fence = e.fence + 1
     from dead d where e.id = d.id
     returning e.org_id, e.id, e.state, e.reason, e.message
   ), swept as (
     delete from evaluation_output o using moved m where o.evaluation_id = m.id
   ), told as (
     insert into events (org_id, type, subject, data)
     select m.org_id, 'evaluation.' || m.state, m.id,
       jsonb_build_object('eval_id', m.id, 'status', m.state, 'reason', m.reason, 'message', m.message, 'retried', m.state = 'queued')
     from moved m
   )
   select id, state from moved`,
);

// The runner was told and did not confirm: the evaluation ends without it, and its late report is fenced off.
const forceCancelled = statement<{ id: string; state: string }>(
  'janitor.force_cancelled',
  `with stuck as (
     select e.id from evaluations e
     where e.state = 'running' and e.cancel_requested_at < now() - make_interval(secs => $1)
     order by e.id limit 200 for update skip locked
   ), ended as (
     update evaluations e set state = 'cancelled', completed_at = now(), lease_expires_at = null, fence = e.fence + 1,
       reason = e.cancel_reason, message = 'Ended without a confirmation of its runner, which was told to kill it.'
     from stuck s where e.id = s.id
     returning e.org_id, e.id, e.state, e.reason, e.message
   ), told as (
     insert into events (org_id, type, subject, data)
     select d.org_id, 'evaluation.cancelled', d.id,
       jsonb_build_object('eval_id', d.id, 'status', 'cancelled', 'reason', d.reason, 'message', d.message) from ended d
   )
   select id, state from ended`,
);

const failOverdue = statement<{ id: string; state: string }>(
  'janitor.fail_overdue',
  `with overdue as (
     select e.id from evaluations e where e.state = 'queued' and e.queue_deadline < now()
     order by e.id limit 200 for update skip locked
   ), ended as (
     update evaluations e set state = 'failed', completed_at = now(), dead_lettered_at = now(), reason = 'queue_timeout',
       message = 'No runner took it before its queue deadline. Retry it from the dead letters.'
     from overdue o where e.id = o.id
     returning e.org_id, e.id, e.state, e.reason, e.message
   ), told as (
     insert into events (org_id, type, subject, data)
     select d.org_id, 'evaluation.failed', d.id,
       jsonb_build_object('eval_id', d.id, 'status', 'failed', 'reason', d.reason, 'message', d.message) from ended d
   )
   select id, state from ended`,
);

const deleteOld = statement<{ org_id: string; asset_ids: string[] }>(
  'janitor.delete_old',
  `delete from evaluations where id in (
     select id from evaluations where completed_at < now() - make_interval(days => $1) order by completed_at limit 1000
   ) returning org_id, array_remove(array[output_asset_id::text, error_asset_id::text]
     || array(select f->>'asset_id' from jsonb_array_elements(result_files) f), null) as asset_ids`,
);

export type Moved = { id: string; state: string };

/** Moves what lost its runner: back into the queue, or to its end after `maxAttempts`. */
export const expireEvaluationLeases = (tx: Tx, maxAttempts: number): Promise<Moved[]> =>
  tx.query(expireLeases, [maxAttempts]);

/** Ends what was asked to end `seconds` ago and still runs. */
export const forceCancelledToEnd = (tx: Tx, seconds: number): Promise<Moved[]> => tx.query(forceCancelled, [seconds]);

/** Fails what has waited past its deadline. */
export const failOverdueEvaluations = (tx: Tx): Promise<Moved[]> => tx.query(failOverdue, []);

/** Deletes a batch of evaluations that ended more than `days` ago, with the files that they left; says how many. */
export async function deleteEvaluationsOlderThan(tx: Tx, days: number): Promise<number> {
  const gone = await tx.query(deleteOld, [days]);
  const left = Map.groupBy(gone, ({ org_id }) => org_id);
  // In the order in which everybody locks several organizations.
  for (const orgId of [...left.keys()].sort()) {
    const files = left.get(orgId)?.flatMap(({ asset_ids }) => asset_ids) ?? [];
    if (files.length > 0) await deleteAssets(tx, orgId, files);
  }
  return gone.length;
}
