import type { ScheduleFiring, WorkflowSchedule } from '@assay/contract';
import { fields, type Human, table } from './view.ts';

/** A schedule for people, with what came of it last. */
export const scheduleFields = (of: WorkflowSchedule, firings: readonly ScheduleFiring[] = []): Human =>
  fields(
    ['id', of.id],
    ['name', of.name],
    ['workflow', workflowOf(of)],
    ['cron', of.cron],
    ['time zone', of.time_zone],
    ['status', of.paused_reason === null ? of.status : `${of.status} (${of.paused_reason})`],
    ['overlap', of.overlap],
    ['catches up', of.catch_up],
    ['priority', of.priority],
    ['input', JSON.stringify(of.input)],
    ['next', of.next_runs.join(', ') || null],
    ['last', firings[0] && firingLine(firings[0])],
  );

export const scheduleTable = (schedules: readonly WorkflowSchedule[]): Human =>
  table(
    ['id', 'name', 'workflow', 'cron', 'time zone', 'status', 'next'],
    schedules.map((of) => [of.id, of.name, workflowOf(of), of.cron, of.time_zone, of.status, of.next_runs[0]]),
    'There are no schedules here. Make one: assay schedules create NAME --workflow NAME --cron CRON',
  );

const workflowOf = ({ workflow_name, workflow_version }: WorkflowSchedule): string =>
  workflow_version === null ? workflow_name : `${workflow_name}@${workflow_version}`;

const firingLine = ({ scheduled_for, outcome, workflow_run_id, error }: ScheduleFiring): string =>
  [scheduled_for, outcome, workflow_run_id ?? error?.message].filter(Boolean).join(' ');
