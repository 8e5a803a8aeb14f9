import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';
import { WorkflowName, WorkflowRun } from './workflow.ts';

const Input = z.record(z.string(), z.json());
const settings = {
  name: z.string().trim().min(1).max(100).meta({ description: 'Unique in the organization.' }),
  workflow_name: WorkflowName.meta({ description: 'The workflow definition that runs are made of.' }),
  workflow_version: z.int().min(1).nullable().meta({ description: 'Of that name; null: the newest at each firing.' }),
  cron: z.string().trim().min(1).max(200).meta({
    description: 'Minute, hour, day, month and weekday; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.',
  }),
  time_zone: z.string().min(1).max(64).meta({ description: 'An IANA name, `Europe/Berlin` say.' }),
  overlap: z.enum(['skip', 'queue', 'allow']).meta({
    description:
      'What a firing does while a run of the schedule has not ended: nothing, wait for it, or start beside it.',
  }),
  catch_up: z.enum(['skip', 'latest', 'all']).meta({
    description: 'Which firings are made up for that nobody made in time: none, the last, or each, 100 at most.',
  }),
  input: Input,
  priority: z.int().min(-10).max(10),
  start: z.boolean().meta({ description: 'Whether its runs start at once, or wait for somebody to start them.' }),
};

export const NewWorkflowSchedule = z
  .strictObject({
    ...settings,
    workflow_version: settings.workflow_version.default(null),
    time_zone: settings.time_zone.default('UTC'),
    overlap: settings.overlap.default('skip'),
    catch_up: settings.catch_up.default('latest'),
    input: Input.default({}),
    priority: settings.priority.default(0),
    start: settings.start.default(true),
    paused: z.boolean().default(false).meta({ description: 'Whether it waits to be resumed before it fires at all.' }),
  })
  .meta({ id: 'NewWorkflowSchedule' });
export type NewWorkflowSchedule = z.input<typeof NewWorkflowSchedule>;

export const WorkflowScheduleChange = z
  .strictObject(settings)
  .partial()
  .refine((body) => Object.keys(body).length > 0, { message: 'give at least one field to change', path: [] })
  .meta({ id: 'WorkflowScheduleChange' });
export type WorkflowScheduleChange = z.input<typeof WorkflowScheduleChange>;

export const WorkflowSchedule = z
  .object({
    id: z.uuid(),
    ...settings,
    workflow_name: z.string(),
    status: z.enum(['active', 'paused']),
    paused_at: z.iso.datetime().nullable(),
    paused_reason: z.enum(['by_hand', 'not_permitted']).nullable().meta({
      description: '`not_permitted`: whom it acts as is gone, or may not make runs any more.',
    }),
    next_runs: z.array(z.iso.datetime()).meta({ description: 'The next five times; none while it is paused.' }),
    acts_as: z
      .object({ kind: z.string(), id: z.string() })
      .meta({ description: 'In whose name it makes runs: who made it, or last changed or resumed it.' }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'WorkflowSchedule' });
export type WorkflowSchedule = z.infer<typeof WorkflowSchedule>;

export const ScheduleFiring = z
  .object({
    scheduled_for: z.iso.datetime(),
    outcome: z.enum(['started', 'waiting', 'skipped', 'failed']),
    workflow_run_id: z.uuid().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    fired_at: z.iso.datetime(),
  })
  .meta({ id: 'ScheduleFiring' });
export type ScheduleFiring = z.infer<typeof ScheduleFiring>;

const Identified = z.object({ id: z.string().max(64) });
const One = enveloped(z.object({ workflow_schedule: WorkflowSchedule }));

const decision = <Path extends string, Operation extends string>(path: Path, operation: Operation, summary: string) =>
  route({
    surface: 'control',
    method: 'POST',
    path,
    operation,
    summary,
    params: Identified,
    answers: { 200: { description: 'The schedule as it is now.', schema: One } },
  });

/** Runs of workflows by the clock. */
export const workflowScheduleRoutes = {
  createWorkflowSchedule: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-schedules',
    operation: 'workflows.schedule.create',
    summary: 'Have runs of a workflow made by the clock',
    body: NewWorkflowSchedule,
    answers: { 201: { description: 'The schedule.', schema: One } },
  }),
  listWorkflowSchedules: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-schedules',
    operation: 'workflows.schedule.list',
    summary: 'List schedules of workflows',
    query: PageQuery.extend({
      workflow_name: WorkflowName.optional().meta({ description: 'Only schedules of this workflow.' }),
    }),
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ workflow_schedules: z.array(WorkflowSchedule) })),
      },
    },
  }),
  getWorkflowSchedule: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-schedules/{id}',
    operation: 'workflows.schedule.get',
    summary: 'Get a schedule and what came of it',
    params: Identified,
    answers: {
      200: {
        description: 'The schedule and its last ten firings, newest first. `ETag` names its version.',
        schema: enveloped(z.object({ workflow_schedule: WorkflowSchedule, firings: z.array(ScheduleFiring) })),
      },
    },
  }),
  updateWorkflowSchedule: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/workflow-schedules/{id}',
    operation: 'workflows.schedule.update',
    summary: 'Change a schedule; `If-Match` holds the change to the version you read',
    params: Identified,
    body: WorkflowScheduleChange,
    answers: { 200: { description: 'The changed schedule.', schema: One } },
  }),
  deleteWorkflowSchedule: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/workflow-schedules/{id}',
    operation: 'workflows.schedule.delete',
    summary: 'Delete a schedule',
    params: Identified,
    answers: { 200: { description: 'The schedule as it was.', schema: One } },
  }),
  pauseWorkflowSchedule: decision('/v1/workflow-schedules/{id}/pause', 'workflows.schedule.pause', 'Pause a schedule'),
  resumeWorkflowSchedule: decision(
    '/v1/workflow-schedules/{id}/resume',
    'workflows.schedule.resume',
    'Go on with a paused schedule',
  ),
  triggerWorkflowSchedule: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-schedules/{id}/trigger',
    operation: 'workflows.schedule.trigger',
    summary: 'Make a run of a schedule now',
    params: Identified,
    answers: { 201: { description: 'The run.', schema: enveloped(z.object({ workflow_run: WorkflowRun })) } },
  }),
};
