import { NewJob } from '@assay/contract';
import {
  CostEstimateSchema,
  JobModality,
  type JobSchema,
  type JobServiceCreateRequest,
  JobStatus,
  type JobUsageSchema,
} from '@assay/contract/grpc';
import { fromJson, type JsonObject, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import { dollarsOf } from '../../kernel/money.ts';
import type { Job, JobUsage } from '../../modules/workflows/index.ts';
import { secondsOf } from '../http/jobs.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import { present, times } from './present.ts';
import { decodeCall } from './provider-codec.ts';
import { dateOf, memberOf, refusedField } from './read-fields.ts';

const STATUSES = {
  pending: JobStatus.PENDING,
  started: JobStatus.STARTED,
  completed: JobStatus.COMPLETED,
  failed: JobStatus.FAILED,
  cancelled: JobStatus.CANCELLED,
} as const satisfies Record<Job['state'], JobStatus>;

const MODALITIES = {
  text: JobModality.TEXT,
  chat: JobModality.CHAT,
  embedding: JobModality.EMBEDDING,
  noop: JobModality.NOOP,
} as const satisfies Record<Job['modality'], JobModality>;

/**
 * The status of a filter; null for any.
 * @throws AppError `invalid` for a number that no status has
 */
export const decodeStatus = (wanted: JobStatus): Job['state'] | null => memberOf('status', wanted, STATUSES);

/**
 * Reads what is to be done by the rules that hold for every way in.
 * @throws AppError `invalid` that names the fields at fault
 */
export function decodeNewJob({ work, priority, runAt }: JobServiceCreateRequest): NewJob {
  const at = dateOf(runAt, 'run_at');
  const result = NewJob.safeParse({
    ...workOf(work),
    priority,
    ...(at !== null && { run_at: at.toISOString() }),
  });
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.map((issue) => toFault(issue, '')));
}

function workOf(work: JobServiceCreateRequest['work']): Partial<NewJob> {
  switch (work.case) {
    case undefined:
      throw refusedField('call', 'required', 'say what is to be done: a call of a model, or nothing');
    case 'call':
      return decodeCall(work.value);
    case 'noop':
      return { modality: 'noop', input: work.value.input };
  }
}

export const encodeJob = (job: Job): MessageInitShape<typeof JobSchema> => ({
  id: job.id,
  status: STATUSES[job.state],
  modality: MODALITIES[job.modality],
  priority: job.priority,
  request: job.request as JsonObject,
  output: fromJson(ValueSchema, (job.output ?? null) as JsonValue),
  attempts: job.attempts,
  createdBy: job.createdBy,
  createdAt: timestampFromDate(job.createdAt),
  ...present({
    costEstimate: job.estimate && fromJson(CostEstimateSchema, job.estimate as JsonObject),
    error: job.error && { code: job.error.code, message: job.error.message },
  }),
  ...times({ runAt: job.dueAt, startedAt: job.startedAt, completedAt: job.completedAt }),
});

export function encodeJobUsage({ job, usage }: JobUsage): MessageInitShape<typeof JobUsageSchema> {
  const { waited, ran } = secondsOf(job);
  return {
    jobId: job.id,
    total: sumsOf(usage),
    secondsWaited: waited,
    secondsRan: ran,
    attempts: job.attempts,
    byModel: usage.by.map(({ provider, model, ...sums }) => ({ provider, model, sums: sumsOf(sums) })),
  };
}

const sumsOf = ({
  records,
  cost,
  inputTokens,
  outputTokens,
}: Pick<JobUsage['usage'], 'records' | 'cost' | 'inputTokens' | 'outputTokens'>) => ({
  calls: BigInt(records),
  costUsd: dollarsOf(cost),
  inputTokens: BigInt(inputTokens),
  outputTokens: BigInt(outputTokens),
});
