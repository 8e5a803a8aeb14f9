import { statement, type Tx } from '../../../platform/db/index.ts';
import type { RunProgress } from './run-progress.ts';

/*
 * Places of runs whose definition lets only so many run at once. Whoever makes a run wait, or ends one, gives out what is
 * free in the same transaction, so that none waits while there is room.
 *
 * Lock order: runs, whatever else is written of them, then names in the order of their hashes, then runs that wait. These are
 * passed over where somebody has them locked, who may wait for the name: one that stays queued nevertheless is found by the
 * janitor.
 */

const lockNames = statement(
  'workflow_places.lock_names',
  `select pg_advisory_xact_lock(l.lock) from (
     select distinct hashtextextended('workflow places ' || n.org_id || ' ' || n.name, 0) as lock
     from unnest($1::uuid[], $2::text[]) as n (org_id, name) order by 1) l`,
);
const leave = statement(
  'workflow_places.leave',
  `delete from workflow_places p using unnest($1::uuid[], $2::uuid[]) as ended (org_id, id)
   where p.org_id = ended.org_id and p.run_id = ended.id`,
);
const ask = statement(
  'workflow_places.ask',
  `insert into workflow_places (org_id, run_id, name, key, priority)
   select r.org_id, r.id, d.name, r.concurrency_key, r.priority
   from unnest($1::uuid[], $2::uuid[]) as asks (org_id, id)
   join workflow_runs r on r.org_id = asks.org_id and r.id = asks.id
   join workflow_definitions d on d.org_id = r.org_id and d.id = r.definition_id`,
);
const give = statement<{ id: string }>(
  'workflow_places.give',
  `with given as (
     select n.org_id, g.id from (select distinct org_id, name from unnest($1::uuid[], $2::text[]) as n (org_id, name)) n
     cross join lateral assay_give_workflow_places(n.org_id, n.name, $3::uuid[]) as g (id)
   ), begun as (
     update workflow_runs r set state = 'running', started_at = coalesce(r.started_at, now())
     from given g where r.org_id = g.org_id and r.id = g.id returning r.org_id, r.id, r.definition_id
   ), released as (
     update workflow_nodes n set due_at = now() from given g
     where n.org_id = g.org_id and n.run_id = g.id and n.state = 'ready' and n.due_at is null
     returning n.org_id, n.run_id, n.key, n.item, n.position
   ), told as (
     insert into events (org_id, type, subject, data)
     select e.org_id, e.type, e.subject, e.data from (
       select b.org_id, 'workflow.run.started' as type, b.id::text as subject, -1 as place,
         jsonb_build_object('workflow_run_id', b.id, 'definition', d.name, 'state', 'running') as data
       from begun b join workflow_definitions d on d.org_id = b.org_id and d.id = b.definition_id
       union all
       select n.org_id, 'workflow.node.ready', n.run_id::text, n.position, jsonb_build_object('workflow_run_id', n.run_id,
         'node', n.key || case when n.item >= 0 then '#' || n.item else '' end) from released n
     ) e order by e.subject, e.place)
   select b.id from begun b`,
);
const waitingNames = statement<{ org_id: string; name: string }>(
  'workflow_places.waiting_names',
  'select distinct p.org_id, p.name from workflow_places p where not p.is_held limit $1',
);

/** A definition, whatever the version. */
export type DefinitionName = { orgId: string; name: string };

/** Takes the places of runs that have ended, and gives them to those that wait; a run that asks for one joins them. */
export function movePlaces(tx: Tx, decided: readonly RunProgress[]): void {
  const moved = decided.filter(({ changes }) => changes.place !== null);
  if (moved.length === 0) return;
  const idsOf = (place: 'asks' | 'leaves'): [string[], string[]] => {
    const runs = moved.filter(({ changes }) => changes.place === place);
    return [runs.map(({ orgId }) => orgId), runs.map(({ runId }) => runId)];
  };
  const names = moved.map(({ orgId, definitionName }) => ({ orgId, name: definitionName }));
  tx.defer(lockNames, textsOf(names));
  tx.defer(leave, idsOf('leaves'));
  tx.defer(ask, idsOf('asks'));
  tx.defer(give, [...textsOf(names), moved.map(({ runId }) => runId)]);
}

/** Gives out whatever is free of names, as limits have changed or runs were passed over; says whether anything was. */
export async function givePlaces(tx: Tx, names: readonly DefinitionName[]): Promise<boolean> {
  tx.defer(lockNames, textsOf(names));
  return (await tx.query(give, [...textsOf(names), null])).length > 0;
}

/** Names that runs wait for a place of. */
export async function findWaitedFor(tx: Tx, most: number): Promise<DefinitionName[]> {
  return (await tx.query(waitingNames, [most])).map(({ org_id, name }) => ({ orgId: org_id, name }));
}

const textsOf = (names: readonly DefinitionName[]): [string[], string[]] => [
  names.map(({ orgId }) => orgId),
  names.map(({ name }) => name),
];
