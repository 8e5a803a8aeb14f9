import { NewWorkflowSchedule, WorkflowScheduleChange } from '@assay/contract';
import {
  type ScheduleContent,
  ScheduleFiringOutcome,
  type ScheduleFiringSchema,
  ScheduleCatchUp as ScheduleMakeUp,
  type ScheduleSchema,
  ScheduleOverlap as WireOverlap,
} from '@assay/contract/grpc';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { z } from 'zod';
import type { Firing, ScheduleView } from '../../modules/workflows/index.ts';
import { etagOf } from '../http/etag.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import { present, times } from './present.ts';
import { memberOf } from './read-fields.ts';
import { readStruct } from './struct.ts';

type Schedule = ScheduleView['schedule'];

const OVERLAPS = {
  skip: WireOverlap.SKIP,
  queue: WireOverlap.QUEUE,
  allow: WireOverlap.ALLOW,
} as const satisfies Record<Schedule['overlap'], WireOverlap>;

const CATCH_UPS = {
  skip: ScheduleMakeUp.SKIP,
  latest: ScheduleMakeUp.LATEST,
  all: ScheduleMakeUp.ALL,
} as const satisfies Record<Schedule['catchUp'], ScheduleMakeUp>;

const OUTCOMES = {
  started: ScheduleFiringOutcome.STARTED,
  waiting: ScheduleFiringOutcome.WAITING,
  skipped: ScheduleFiringOutcome.SKIPPED,
  failed: ScheduleFiringOutcome.FAILED,
} as const satisfies Record<Firing['outcome'], ScheduleFiringOutcome>;

/**
 * Reads what a new schedule says, by the rules that hold for every way in.
 * @throws AppError `invalid` that names the fields at fault
 */
export const decodeSchedule = (
  content: ScheduleContent | undefined,
  paused: boolean,
): z.output<typeof NewWorkflowSchedule> => read(NewWorkflowSchedule, { ...fieldsOf(content), paused });

/**
 * Reads what is to change of a schedule.
 * @throws AppError `invalid` that names the fields at fault
 */
export const decodeChange = (content: ScheduleContent | undefined): z.output<typeof WorkflowScheduleChange> =>
  read(WorkflowScheduleChange, fieldsOf(content));

function read<Schema extends z.ZodType>(schema: Schema, value: object): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.map((issue) => toFault(issue, 'content')));
}

/** What is said, as JSON says it; what is not said is left out. */
function fieldsOf(content: ScheduleContent | undefined): object {
  if (content === undefined) return {};
  const { name, workflowName, workflowVersion, cron, timeZone, overlap, catchUp, input, priority, start } = content;
  const said = {
    name,
    workflow_name: workflowName,
    workflow_version: workflowVersion === 0 ? null : workflowVersion,
    cron,
    time_zone: timeZone,
    overlap: memberOf('content.overlap', overlap, OVERLAPS) ?? undefined,
    catch_up: memberOf('content.catch_up', catchUp, CATCH_UPS) ?? undefined,
    input: input && readStruct(input, 'content.input'),
    priority,
    start,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

export const encodeSchedule = ({ schedule, nextTimes }: ScheduleView): MessageInitShape<typeof ScheduleSchema> => ({
  id: schedule.id,
  etag: etagOf(schedule.version),
  content: {
    name: schedule.name,
    workflowName: schedule.workflow.name,
    workflowVersion: schedule.workflow.version ?? 0,
    cron: schedule.cron,
    timeZone: schedule.timeZone,
    overlap: OVERLAPS[schedule.overlap],
    catchUp: CATCH_UPS[schedule.catchUp],
    input: schedule.input as JsonObject,
    priority: schedule.priority,
    start: schedule.start,
  },
  nextRuns: nextTimes.map(timestampFromDate),
  actsAs: { kind: schedule.actsAs.kind, id: schedule.actsAs.id },
  createdAt: timestampFromDate(schedule.createdAt),
  updatedAt: timestampFromDate(schedule.updatedAt),
  ...present({ pausedReason: schedule.paused?.reason ?? null }),
  ...times({ pausedAt: schedule.paused?.at ?? null }),
});

export const encodeFiring = (firing: Firing): MessageInitShape<typeof ScheduleFiringSchema> => ({
  scheduledFor: timestampFromDate(firing.scheduledFor),
  outcome: OUTCOMES[firing.outcome],
  firedAt: timestampFromDate(firing.firedAt),
  ...present({
    workflowRunId: firing.runId,
    errorCode: firing.error?.code ?? null,
    errorMessage: firing.error?.message ?? null,
  }),
});
