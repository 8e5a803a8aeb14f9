import { statement, type Tx } from '../../platform/db/index.ts';

// What is queued ends here and now; of what runs the runner is told, and its end is reported or forced.
const ending = (which: string): string =>
  `with before as (
     select id, state from evaluations e where ${which} and state in ('queued', 'running') order by id for update
   ), asked as (
     update evaluations e set
       cancel_requested_at = coalesce(e.cancel_requested_at, now()),
       cancel_reason = coalesce(e.cancel_reason, $2),
       state = case when b.state = 'queued' then 'cancelled' else e.state end,
       completed_at = case when b.state = 'queued' then now() end,
       reason = case when b.state = 'queued' then $2 end,
       message = case when b.state = 'queued' then 'Cancelled before it ran.' end
     from before b where e.id = b.id
     returning e.org_id, e.id, e.state
   ), told as (
     insert into events (org_id, type, subject, data)
     select org_id, 'evaluation.cancelled', id, jsonb_build_object('eval_id', id, 'status', 'cancelled', 'reason', $2::text)
     from asked where state = 'cancelled'
   )
   select id, state from asked`;

const endAll = statement<Asked>('evaluations.end_all', ending('e.org_id = $1'));
const endOfRuns = statement<Asked>(
  'evaluations.end_of_runs',
  ending('(e.org_id, e.workflow_run_id) in (select * from unnest($1::uuid[], $3::uuid[]))'),
);

/** An evaluation whose end was asked for, and how it stands then. */
export type Asked = { id: string; state: string };

/** Asks for the end of all that an organization has queued or running; gives what was asked of. */
export const endAllOf = (tx: Tx, orgId: string, reason: string): Promise<Asked[]> => tx.query(endAll, [orgId, reason]);

/** The same of what nodes of runs have queued or running. */
export const endAllOfRuns = (
  tx: Tx,
  runs: readonly { orgId: string; id: string }[],
  reason: string,
): Promise<Asked[]> => tx.query(endOfRuns, [runs.map(({ orgId }) => orgId), reason, runs.map(({ id }) => id)]);
