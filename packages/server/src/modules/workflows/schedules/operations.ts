import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { scheduleErrors } from '../errors.ts';
import { assertFits, type MakingServices, makeRun, requireDefinition } from '../runs/make-run.ts';
import { actorOf, type WorkflowRun } from '../runs/model.ts';
import { requireRun } from '../runs/operations.ts';
import { type Firing, MOST_SCHEDULES, type Schedule } from './model.ts';
import * as store from './store.ts';
import { assertComes, nextTime, nextTimes } from './timing.ts';

export type ScheduleRequest = Pick<
  Schedule,
  'name' | 'workflow' | 'cron' | 'timeZone' | 'overlap' | 'catchUp' | 'input' | 'priority' | 'start'
> & { isPaused: boolean };
/** What is left out stays as it is. */
export type SchedulePatch = One & {
  expected: Expected;
  change: { [Field in keyof Changeable]?: Changeable[Field] | undefined };
};
type Changeable = Omit<ScheduleRequest, 'isPaused' | 'workflow'> & { workflow: string; workflowVersion: number | null };
/** A schedule with the times that it fires next. */
export type ScheduleView = { schedule: Schedule; nextTimes: readonly Date[] };
export type ScheduleHistory = ScheduleView & { firings: readonly Firing[] };
type Changed = ScheduleView & { before: Schedule };
type One = { id: string };

const WRITE = { scope: 'workflows:write', narrows: true, rate: 'control' } as const;
const READ = { scope: 'workflows:read', narrows: true, effect: 'read', rate: 'control', audit: null } as const;
/** Enough to see whether it means what was meant. */
const TIMES_SHOWN = 5;
const FIRINGS_SHOWN = 10;

export const scheduleOperations = (services: MakingServices) =>
  ({
    createSchedule: createSchedule(services),
    listSchedules,
    getSchedule,
    updateSchedule: updateSchedule(services),
    deleteSchedule,
    pauseSchedule,
    resumeSchedule,
    triggerSchedule: triggerSchedule(services),
  }) satisfies Record<string, AnyOperation>;

const createSchedule = (services: MakingServices) =>
  operation({
    ...WRITE,
    name: 'workflows.schedule.create',
    summary: 'Have runs of a workflow made by the clock, in your name.',
    effect: 'create',
    audit: {
      action: 'workflow_schedule.created',
      target: (_input: ScheduleRequest, { schedule }: ScheduleView) => targetOf(schedule),
      detail: (_input, { schedule }) => ({ after: describe(schedule) }),
    },
    async run(context, { isPaused, ...request }): Promise<ScheduleView> {
      const { tx, by } = context;
      const orgId = orgOf(context);
      await assertRunnable(context, services, request);
      const { count, now } = await store.countSchedules(tx, orgId);
      assertComes(request, now);
      if (count >= MOST_SCHEDULES)
        throw scheduleErrors.too_many(`There are ${MOST_SCHEDULES} schedules already. Delete one that is not needed.`);
      const schedule = await store.insertSchedule(tx, {
        ...request,
        orgId,
        id: newId(),
        dueAt: isPaused ? null : nextTime(request, now),
        paused: isPaused ? { at: now, reason: 'by_hand' } : null,
        actsAs: actorOf(by),
      });
      tell(context, 'created', schedule);
      return viewOf(schedule);
    },
  });

const listSchedules = operation({
  ...READ,
  name: 'workflows.schedule.list',
  summary: 'List schedules of workflows, newest first.',
  async run(context, input: { workflow: string | null; limit: number; cursor: string | null }) {
    const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
    const actsAs = context.ownOnly ? context.by.id : null;
    const of = { orgId: orgOf(context), actsAs, workflow: input.workflow, after, limit: input.limit + 1 };
    const found = await store.listSchedules(context.tx, of);
    const items = found.slice(0, input.limit).map(viewOf);
    const last = items.at(-1);
    const nextCursor = found.length > input.limit && last ? encodeCursor([last.schedule.id]) : null;
    return { items, nextCursor } satisfies Page<ScheduleView>;
  },
});

const getSchedule = operation({
  ...READ,
  name: 'workflows.schedule.get',
  summary: 'Get a schedule, the times that it fires next, and what came of the last ones.',
  async run(context, { id }: One): Promise<ScheduleHistory> {
    const schedule = await requireSchedule(context, id, store.findSchedule);
    return { ...viewOf(schedule), firings: await store.listFirings(context.tx, schedule, FIRINGS_SHOWN) };
  },
});

const updateSchedule = (services: MakingServices) =>
  operation({
    ...WRITE,
    name: 'workflows.schedule.update',
    summary: 'Change a schedule. It acts in your name from then on.',
    effect: 'create',
    audit: {
      action: 'workflow_schedule.updated',
      target: (_input: SchedulePatch, { schedule }: Changed) => targetOf(schedule),
      detail: (_input, { before, schedule }) => ({ before: describe(before), after: describe(schedule) }),
    },
    async run(context, { id, expected, change }): Promise<Changed> {
      const before = await requireSchedule(context, id, store.lockSchedule);
      assertExpected(expected, before.version);
      const after = changed(before, change);
      await assertRunnable(context, services, after);
      assertComes(after, before.readAt);
      const isMoved = after.cron !== before.cron || after.timeZone !== before.timeZone;
      const schedule = await store.updateSchedule(context.tx, {
        ...after,
        dueAt: isMoved && before.paused === null ? nextTime(after, before.readAt) : before.dueAt,
        actsAs: actorOf(context.by),
      });
      tell(context, 'updated', schedule);
      return { before, ...viewOf(schedule) };
    },
  });

const deleteSchedule = operation({
  ...WRITE,
  name: 'workflows.schedule.delete',
  summary: 'Delete a schedule. Runs that it made go on.',
  effect: 'wind_down',
  audit: {
    action: 'workflow_schedule.deleted',
    target: (_input: One & { expected: Expected }, { schedule }: ScheduleView) => targetOf(schedule),
    detail: (_input, { schedule }) => ({ before: describe(schedule) }),
  },
  async run(context, { id, expected }): Promise<ScheduleView> {
    const schedule = await requireSchedule(context, id, store.lockSchedule);
    assertExpected(expected, schedule.version);
    store.deleteSchedule(context.tx, schedule);
    tell(context, 'deleted', schedule);
    return { schedule, nextTimes: [] };
  },
});

const pauseSchedule = operation({
  ...WRITE,
  name: 'workflows.schedule.pause',
  summary: 'Have a schedule make no runs until it is resumed. Runs that it made go on.',
  effect: 'wind_down',
  audit: {
    action: 'workflow_schedule.paused',
    target: (_input: One, { schedule }: ScheduleView) => targetOf(schedule),
    detail: () => ({ reason: 'by_hand' }),
  },
  async run(context, { id }): Promise<ScheduleView> {
    const before = await requireSchedule(context, id, store.lockSchedule);
    if (before.paused !== null) return viewOf(before);
    const paused = { at: before.readAt, reason: 'by_hand' } as const;
    const schedule = await store.updateSchedule(context.tx, { ...before, dueAt: null, paused });
    tell(context, 'paused', schedule);
    return viewOf(schedule);
  },
});

const resumeSchedule = operation({
  ...WRITE,
  name: 'workflows.schedule.resume',
  summary: 'Have a paused schedule make runs again, from now on and in your name.',
  effect: 'create',
  audit: {
    action: 'workflow_schedule.resumed',
    target: (_input: One, { schedule }: ScheduleView) => targetOf(schedule),
  },
  async run(context, { id }): Promise<ScheduleView> {
    const before = await requireSchedule(context, id, store.lockSchedule);
    if (before.paused === null) return viewOf(before);
    const actsAs = actorOf(context.by);
    const dueAt = nextTime(before, before.readAt);
    const schedule = await store.updateSchedule(context.tx, { ...before, dueAt, paused: null, actsAs });
    tell(context, 'resumed', schedule);
    return viewOf(schedule);
  },
});

const triggerSchedule = (services: MakingServices) =>
  operation({
    ...WRITE,
    name: 'workflows.schedule.trigger',
    summary: 'Make a run of a schedule now, whatever else it does, and in your name.',
    effect: 'create',
    audit: {
      action: 'workflow_schedule.triggered',
      target: ({ id }: One, _run: WorkflowRun) => ({ type: 'workflow_schedule', id }),
      detail: (_input, { id }) => ({ workflow_run_id: id }),
    },
    async run(context, { id }): Promise<WorkflowRun> {
      const schedule = await requireSchedule(context, id, store.findSchedule);
      const runId = await makeRun(services, context, requestOf(schedule));
      const fired = { scheduledFor: schedule.readAt, outcome: 'started', runId, error: null } as const;
      store.recordFiring(context.tx, schedule, fired);
      tell(context, 'fired', schedule, { workflow_run_id: runId, trigger: 'by_hand' });
      return requireRun(context, runId);
    },
  });

/** The run that a schedule asks for. */
export const requestOf = ({ id, workflow, input, priority, start }: Schedule) => ({
  definition: workflow,
  input,
  priority,
  start,
  scheduleId: id,
});

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Schedule) => ({ type: 'workflow_schedule', id });
const describe = ({ name, workflow, cron, timeZone, overlap, catchUp }: Schedule) => ({
  name,
  workflow: workflow.name,
  version: workflow.version,
  cron,
  time_zone: timeZone,
  overlap,
  catch_up: catchUp,
});

const viewOf = (schedule: Schedule): ScheduleView => ({
  schedule,
  nextTimes: schedule.paused === null ? nextTimes(schedule, { after: schedule.readAt, most: TIMES_SHOWN }) : [],
});

function changed(before: Schedule, { workflow, workflowVersion, ...change }: SchedulePatch['change']): Schedule {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const version = workflowVersion === undefined ? before.workflow.version : workflowVersion;
  return { ...before, ...given, workflow: { name: workflow ?? before.workflow.name, version } };
}

/** Tells whoever follows what became of a schedule. */
export function tell(
  { emit }: Pick<Context, 'emit'>,
  what: string,
  { id, name, workflow }: Schedule,
  more: Record<string, unknown> = {},
): void {
  const data = { workflow_schedule_id: id, name, workflow: workflow.name, ...more };
  emit({ type: `workflow.schedule.${what}`, subject: id, data });
}

/** A schedule whose runs would be refused from the beginning is refused itself. */
async function assertRunnable(
  context: Context,
  services: MakingServices,
  { workflow, input }: Pick<Schedule, 'workflow' | 'input'>,
): Promise<void> {
  await assertFits(services, await requireDefinition(context.tx, orgOf(context), workflow), input);
}

/** A schedule of the caller's organization, as far as they reach. @throws AppError `not_found` */
async function requireSchedule(
  context: Pick<Context, 'tx' | 'by' | 'ownOnly'>,
  id: string,
  find: typeof store.findSchedule,
): Promise<Schedule> {
  const found = isUuid(id) ? await find(context.tx, { orgId: orgOf(context), id }) : null;
  if (!found || (context.ownOnly && found.actsAs.id !== context.by.id))
    throw scheduleErrors.not_found('There is no workflow schedule with this id.');
  return found;
}
