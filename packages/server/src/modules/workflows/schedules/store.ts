import { type SqlValue, statement, type Tx } from '../../../platform/db/index.ts';
import type { Failure } from '../engine/model.ts';
import type { JsonObject } from '../model.ts';
import type { Actor, Maker } from '../runs/model.ts';
import type { CatchUp, Firing, Overlap, PausedReason, Schedule } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  workflow_name: string;
  workflow_version: number | null;
  cron: string;
  time_zone: string;
  overlap: Overlap;
  catch_up: CatchUp;
  input: JsonObject;
  priority: number;
  is_started: boolean;
  due_at: Date | null;
  paused_at: Date | null;
  paused_reason: PausedReason | null;
  acts_as_kind: string;
  acts_as_id: string;
  limited_to: string[] | null;
  version: number;
  created_at: Date;
  updated_at: Date;
  read_at: Date;
};
type FiringRow = {
  scheduled_for: Date;
  outcome: Firing['outcome'];
  run_id: string | null;
  error: Failure | null;
  fired_at: Date;
};

const COLUMNS = `org_id, id, name, workflow_name, workflow_version, cron, time_zone, overlap, catch_up, input, priority,
  is_started, due_at, paused_at, paused_reason, acts_as_kind, acts_as_id, limited_to, version, created_at, updated_at, now() as read_at`;

const insert = statement<Row>(
  'workflow_schedules.insert',
  `insert into workflow_schedules (org_id, id, name, workflow_name, workflow_version, cron, time_zone, overlap, catch_up,
     input, priority, is_started, due_at, acts_as_kind, acts_as_id, paused_at, paused_reason, limited_to)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) returning ${COLUMNS}`,
);
const update = statement<Row>(
  'workflow_schedules.update',
  `update workflow_schedules set name = $3, workflow_name = $4, workflow_version = $5, cron = $6, time_zone = $7,
     overlap = $8, catch_up = $9, input = $10, priority = $11, is_started = $12, due_at = $13, acts_as_kind = $14,
     acts_as_id = $15, paused_at = $16, paused_reason = $17, limited_to = $18, version = version + 1, updated_at = now()
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
// One after the other, so that two at once do not pass the most that there may be.
const lockMaking = statement(
  'workflow_schedules.lock_making',
  `select pg_advisory_xact_lock(hashtextextended('workflow_schedules ' || $1::text, 0))`,
);
const count = statement<{ count: number; now: Date }>(
  'workflow_schedules.count',
  'select count(*)::integer as count, now() from workflow_schedules where org_id = $1',
);
const byId = statement<Row>(
  'workflow_schedules.by_id',
  `select ${COLUMNS} from workflow_schedules where org_id = $1 and id = $2`,
);
const lock = statement<Row>(
  'workflow_schedules.lock',
  `select ${COLUMNS} from workflow_schedules where org_id = $1 and id = $2 for update`,
);
// Whoever has it under lock fires it: the others leave it.
const claim = statement<Row>(
  'workflow_schedules.claim',
  `select ${COLUMNS} from workflow_schedules where org_id = $1 and id = $2 and paused_at is null for update skip locked`,
);
const list = statement<Row>(
  'workflow_schedules.list',
  `select ${COLUMNS} from workflow_schedules
   where org_id = $1 and ($2::text is null or acts_as_id = $2) and ($3::text is null or workflow_name = $3)
     and ($4::uuid is null or (created_at, id) < (select c.created_at, c.id from workflow_schedules c where c.org_id = $1 and c.id = $4))
   order by created_at desc, id desc limit $5`,
);
const remove = statement('workflow_schedules.delete', 'delete from workflow_schedules where org_id = $1 and id = $2');
const moveOn = statement(
  'workflow_schedules.move_on',
  'update workflow_schedules set due_at = $3 where org_id = $1 and id = $2 and paused_at is null',
);
const owners = statement<{ id: string; acts_as_kind: string; acts_as_id: string }>(
  'workflow_schedules.owners',
  'select id, acts_as_kind, acts_as_id from workflow_schedules where org_id = $1 and id = any($2::uuid[])',
);
// What is due by the clock, and what waited for a run that has ended.
const due = statement<Pick<Row, 'org_id' | 'id' | 'acts_as_kind' | 'acts_as_id' | 'limited_to'>>(
  'workflow_schedules.due',
  `select s.org_id, s.id, s.acts_as_kind, s.acts_as_id, s.limited_to
   from workflow_schedules s join organizations o on o.id = s.org_id
   where o.deleted_at is null and s.due_at <= now()
   union
   select s.org_id, s.id, s.acts_as_kind, s.acts_as_id, s.limited_to
   from workflow_schedules s join organizations o on o.id = s.org_id
   where o.deleted_at is null and s.paused_at is null
     and exists (select from workflow_schedule_firings f
       where f.org_id = s.org_id and f.schedule_id = s.id and f.outcome = 'waiting')
     and not exists (select from workflow_runs r
       where r.org_id = s.org_id and r.schedule_id = s.id and r.completed_at is null)
   limit $1`,
);
const running = statement<{ is_running: boolean }>(
  'workflow_schedules.is_running',
  `select exists (select from workflow_runs where org_id = $1 and schedule_id = $2 and completed_at is null) as is_running`,
);
const waiting = statement<{ scheduled_for: Date }>(
  'workflow_schedules.waiting',
  `select scheduled_for from workflow_schedule_firings where org_id = $1 and schedule_id = $2 and outcome = 'waiting'
   order by scheduled_for`,
);
const recent = statement<FiringRow>(
  'workflow_schedules.recent_firings',
  `select scheduled_for, outcome, run_id, error, fired_at from workflow_schedule_firings
   where org_id = $1 and schedule_id = $2 order by scheduled_for desc limit $3`,
);
const record = statement(
  'workflow_schedules.record_firing',
  `insert into workflow_schedule_firings (org_id, schedule_id, scheduled_for, outcome, run_id, error)
   values ($1, $2, $3, $4, $5, $6)
   on conflict on constraint workflow_schedule_firings__pk
   do update set outcome = excluded.outcome, run_id = excluded.run_id, error = excluded.error, fired_at = now()
   where workflow_schedule_firings.outcome = 'waiting'`,
);
const deleteOld = statement<{ schedule_id: string }>(
  'workflow_schedules.delete_old_firings',
  `delete from workflow_schedule_firings where (org_id, schedule_id, scheduled_for) in (
     select org_id, schedule_id, scheduled_for from workflow_schedule_firings
     where fired_at < now() - make_interval(days => $1) and outcome <> 'waiting' limit 1000) returning schedule_id`,
);

export type ScheduleName = { orgId: string; id: string };
/** As it is to be written. */
export type WrittenSchedule = Omit<Schedule, 'version' | 'createdAt' | 'updatedAt' | 'readAt'>;

/** Counts an organization's schedules, and holds off others who would make one until the transaction ends. */
export async function countSchedules(tx: Tx, orgId: string): Promise<{ count: number; now: Date }> {
  await tx.query(lockMaking, [orgId]);
  return (await tx.query(count, [orgId]))[0] as { count: number; now: Date };
}

export async function insertSchedule(tx: Tx, of: WrittenSchedule): Promise<Schedule> {
  return toSchedule((await tx.query(insert, columnsOf(of)))[0] as Row);
}

export async function updateSchedule(tx: Tx, of: WrittenSchedule): Promise<Schedule> {
  return toSchedule((await tx.query(update, columnsOf(of)))[0] as Row);
}

export const findSchedule = (tx: Tx, name: ScheduleName): Promise<Schedule | null> => one(tx, byId, name);

/** Finds a schedule and locks its row until the transaction ends. */
export const lockSchedule = (tx: Tx, name: ScheduleName): Promise<Schedule | null> => one(tx, lock, name);

/** Locks a schedule that is not paused; null when it is, or when somebody else has it. */
export const claimSchedule = (tx: Tx, name: ScheduleName): Promise<Schedule | null> => one(tx, claim, name);

async function one(tx: Tx, of: typeof byId, { orgId, id }: ScheduleName): Promise<Schedule | null> {
  const [row] = await tx.query(of, [orgId, id]);
  return row ? toSchedule(row) : null;
}

export type SchedulePage = {
  orgId: string;
  /** Whose schedules; null for everybody's. */
  actsAs: string | null;
  workflow: string | null;
  after: string | null;
  limit: number;
};

/** Schedules, newest first. */
export async function listSchedules(tx: Tx, of: SchedulePage): Promise<Schedule[]> {
  return (await tx.query(list, [of.orgId, of.actsAs, of.workflow, of.after, of.limit])).map(toSchedule);
}

/** Deletes a schedule with its firings. Runs that it made go on. */
export const deleteSchedule = (tx: Tx, { orgId, id }: ScheduleName): void => tx.defer(remove, [orgId, id]);

/** Sets when a schedule fires next. */
export const moveScheduleOn = (tx: Tx, { orgId, id }: ScheduleName, dueAt: Date): void =>
  tx.defer(moveOn, [orgId, id, dueAt]);

/** Whom schedules act as, by their ids. */
export async function findScheduleOwners(tx: Tx, orgId: string, ids: readonly string[]): Promise<Map<string, Maker>> {
  const rows = await tx.query(owners, [orgId, ids]);
  return new Map(rows.map((row) => [row.id, { kind: row.acts_as_kind, id: row.acts_as_id }]));
}

/** Schedules that have something to fire, and whom they act as. */
export async function findDueSchedules(tx: Tx, most: number): Promise<(ScheduleName & { actsAs: Actor })[]> {
  return (await tx.query(due, [most])).map((row) => ({
    orgId: row.org_id,
    id: row.id,
    actsAs: actorIn(row),
  }));
}

/** How a schedule that is locked stands. */
export async function findStanding(
  tx: Tx,
  { orgId, id }: ScheduleName,
): Promise<{ isRunning: boolean; waiting: Date[] }> {
  const [row] = await tx.query(running, [orgId, id]);
  const waits = await tx.query(waiting, [orgId, id]);
  return { isRunning: row?.is_running === true, waiting: waits.map(({ scheduled_for }) => scheduled_for) };
}

export async function listFirings(tx: Tx, { orgId, id }: ScheduleName, most: number): Promise<Firing[]> {
  return (await tx.query(recent, [orgId, id, most])).map((row) => ({
    scheduledFor: row.scheduled_for,
    outcome: row.outcome,
    runId: row.run_id,
    error: row.error,
    firedAt: row.fired_at,
  }));
}

/** Records what came of a firing; of one that did more than wait it is known already. */
export function recordFiring(tx: Tx, { orgId, id }: ScheduleName, of: Omit<Firing, 'firedAt'>): void {
  const error = of.error === null ? null : JSON.stringify(of.error);
  tx.defer(record, [orgId, id, of.scheduledFor, of.outcome, of.runId, error]);
}

/** Deletes a batch of firings of long ago; says how many. */
export async function deleteFiringsOlderThan(tx: Tx, days: number): Promise<number> {
  return (await tx.query(deleteOld, [days])).length;
}

const columnsOf = (of: WrittenSchedule): SqlValue[] => [
  of.orgId,
  of.id,
  of.name,
  of.workflow.name,
  of.workflow.version,
  of.cron,
  of.timeZone,
  of.overlap,
  of.catchUp,
  JSON.stringify(of.input),
  of.priority,
  of.start,
  of.dueAt,
  of.actsAs.kind,
  of.actsAs.id,
  of.paused?.at ?? null,
  of.paused?.reason ?? null,
  of.actsAs.limitedTo,
];

const actorIn = (row: Pick<Row, 'acts_as_kind' | 'acts_as_id' | 'limited_to'>): Actor => ({
  kind: row.acts_as_kind,
  id: row.acts_as_id,
  limitedTo: row.limited_to,
});

const toSchedule = (row: Row): Schedule => ({
  orgId: row.org_id,
  id: row.id,
  name: row.name,
  workflow: { name: row.workflow_name, version: row.workflow_version },
  cron: row.cron,
  timeZone: row.time_zone,
  overlap: row.overlap,
  catchUp: row.catch_up,
  input: row.input,
  priority: row.priority,
  start: row.is_started,
  dueAt: row.due_at,
  paused: row.paused_at && row.paused_reason ? { at: row.paused_at, reason: row.paused_reason } : null,
  actsAs: actorIn(row),
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  readAt: row.read_at,
});
