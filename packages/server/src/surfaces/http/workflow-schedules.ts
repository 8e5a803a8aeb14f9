import type { NewWorkflowSchedule, WorkflowScheduleChange } from '@assay/contract';
import type { z } from 'zod';
import type { JsonObject, SchedulePatch, ScheduleRequest } from '../../modules/workflows/index.ts';

/* Schedules between the wire and the module. */

/** What a new schedule says. */
export function requestOf({ paused, ...body }: z.output<typeof NewWorkflowSchedule>): ScheduleRequest {
  const { workflow_name: name, workflow_version: version, time_zone: timeZone, catch_up: catchUp, ...rest } = body;
  const input = rest.input as JsonObject;
  return { ...rest, input, workflow: { name, version }, timeZone, catchUp, isPaused: paused };
}

/** What is to change of one; what is left out stays. */
export function patchOf(body: z.output<typeof WorkflowScheduleChange>): SchedulePatch['change'] {
  const { workflow_name, workflow_version, time_zone, catch_up, ...rest } = body;
  return {
    ...rest,
    input: body.input as JsonObject | undefined,
    workflow: workflow_name,
    workflowVersion: workflow_version,
    timeZone: time_zone,
    catchUp: catch_up,
  };
}
