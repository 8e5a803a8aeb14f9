import { operation } from '../../../platform/operation.ts';
import { scheduleErrors } from '../errors.ts';
import { type MakingServices, makeRun } from '../runs/make-run.ts';
import { MOST_MISSED, type Planned, planFirings } from './firing-plan.ts';
import type { Schedule } from './model.ts';
import { requestOf, tell } from './operations.ts';
import * as store from './store.ts';
import { nextTime, timesBetween } from './timing.ts';

export type Fired = { schedule: Schedule; firings: (Planned & { runId: string | null })[] };

/**
 * Makes what a schedule has due, in the name of whom it acts as: its runs, what came of each firing, and when it fires next
 * are one transaction under the lock of the schedule.
 */
export const fireSchedule = (services: MakingServices) =>
  operation({
    name: 'workflows.schedule.fire',
    summary: 'Make the runs that a schedule has due. The clock calls it, in the name of whom the schedule acts as.',
    scope: 'workflows:write',
    narrows: true,
    effect: 'create',
    rate: 'included',
    audit: {
      action: 'workflow_schedule.fired',
      target: ({ id }: { id: string }, _fired: Fired) => ({ type: 'workflow_schedule', id }),
      detail: (_input, { firings }) => ({
        firings: firings.map(({ scheduledFor, outcome }) => ({ scheduledFor, outcome })),
      }),
    },
    async run(context, { id }): Promise<Fired> {
      const { tx, by } = context;
      const schedule = await store.claimSchedule(tx, { orgId: String(by.orgId), id });
      if (!schedule) throw notDue();
      const now = schedule.readAt;
      const due = dueTimes(schedule);
      const plan = planFirings({ ...schedule, ...(await store.findStanding(tx, schedule)), due, now });
      if (!isDue(schedule) && plan.length === 0) throw notDue();
      const firings: Fired['firings'] = [];
      for (const planned of plan) {
        const runId = planned.outcome === 'started' ? await makeRun(services, context, requestOf(schedule)) : null;
        store.recordFiring(tx, schedule, { ...planned, runId, error: null });
        tell(context, EVENTS[planned.outcome], schedule, {
          scheduled_for: planned.scheduledFor.toISOString(),
          ...(runId === null ? {} : { workflow_run_id: runId }),
        });
        firings.push({ ...planned, runId });
      }
      if (isDue(schedule)) store.moveScheduleOn(tx, schedule, nextTime(schedule, now));
      return { schedule, firings };
    },
  });

const EVENTS = { started: 'fired', waiting: 'waiting', skipped: 'skipped' } as const;

export const isDue = ({ dueAt, readAt }: Schedule): boolean => dueAt !== null && dueAt <= readAt;

/** Times that came due since the last firing, as far back as any policy looks. */
export const dueTimes = (schedule: Schedule): Date[] =>
  schedule.dueAt === null
    ? []
    : timesBetween(schedule, { from: schedule.dueAt, to: schedule.readAt, most: MOST_MISSED });

const notDue = (): Error => scheduleErrors.not_due('The schedule has nothing due.');
