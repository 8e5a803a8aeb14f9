import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { IdempotencyKey } from './idempotency-key.ts';
import { PageQuery } from './page.ts';
import { CostEstimate, ExecuteRequest } from './provider.ts';

const Modality = z.enum(['text', 'chat', 'embedding', 'noop']).meta({
  description: 'What is done: a model is asked for text, or for the vectors of texts. `noop` gives back its input.',
});
const JobStatus = z.enum(['pending', 'started', 'completed', 'failed', 'cancelled']);
const Priority = z.int().min(-10).max(10);
const { provider, model, tier, fallbacks, input, params } = ExecuteRequest.shape;

export const NewJob = z
  .strictObject({
    modality: Modality.default('text'),
    provider,
    model,
    tier,
    fallbacks,
    input,
    params,
    organization_id: z.uuid().optional().meta({ description: 'That of the credential: a job is nobody else’s.' }),
    idempotency_key: IdempotencyKey.optional(),
    priority: Priority.default(0).meta({ description: 'Jobs of higher ones begin first.' }),
    run_at: z.iso.datetime({ offset: true }).optional().meta({ description: 'When it may begin; now unless given.' }),
  })
  .meta({ id: 'NewJob' });
export type NewJob = z.infer<typeof NewJob>;

const Failure = z.object({ code: z.string(), message: z.string() });

export const Job = z
  .object({
    job_id: z.uuid(),
    workflow_run_id: z.uuid().meta({ description: 'The run that it is; a job goes by the same id.' }),
    status: JobStatus,
    modality: Modality,
    priority: z.int(),
    cost_estimate: CostEstimate.nullable().meta({ description: 'Null for what costs nothing.' }),
    request: z.record(z.string(), z.json()).meta({
      description: 'What was asked: provider, model, tier, input, params; and `billed_to`, where headers said it.',
    }),
    output: z.json().meta({ description: 'What it gave; null until it has completed.' }),
    error: Failure.nullable().meta({ description: 'Why it failed, or why the last attempt did.' }),
    attempts: z.int(),
    created_by: z.object({ kind: z.string(), id: z.string() }),
    created_at: z.iso.datetime(),
    run_at: z.iso.datetime().nullable().meta({ description: 'When it may begin, or is tried again.' }),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof Job>;

const Sums = {
  calls: z.int(),
  cost_usd: z.number(),
  input_tokens: z.int(),
  output_tokens: z.int(),
};
export const JobUsage = z
  .object({
    job_id: z.uuid(),
    ...Sums,
    seconds: z.object({
      waited: z.number().meta({ description: 'From its making until a worker took it.' }),
      ran: z.number().meta({ description: 'From then until its end, or until now.' }),
    }),
    attempts: z.int(),
    by_model: z.array(z.object({ provider: z.string(), model: z.string(), ...Sums })),
  })
  .meta({ id: 'JobUsage' });
export type JobUsage = z.infer<typeof JobUsage>;

const DeadLetterCode = z.string().max(100).optional().meta({ description: 'Only those that failed so.' });
const Identified = z.object({ id: z.string().max(64) });
const One = enveloped(z.object({ job: Job }));
const Page = enveloped(z.object({ jobs: z.array(Job) }));

/** Jobs: one thing to be done in the background, followed to its end. */
export const jobRoutes = {
  createJob: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/jobs',
    operation: 'jobs.job.create',
    summary: 'Submit a job',
    body: NewJob,
    answers: {
      202: {
        description: 'The job, with what it will probably cost.',
        schema: enveloped(
          z.object({
            job_id: z.uuid(),
            status: JobStatus,
            workflow_run_id: z.uuid(),
            cost_estimate: CostEstimate.nullable(),
            job: Job,
          }),
        ),
      },
    },
  }),
  listJobs: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/jobs',
    operation: 'jobs.job.list',
    summary: 'List jobs',
    query: PageQuery.extend({ status: JobStatus.optional() }),
    answers: { 200: { description: 'A page, newest first.', schema: Page } },
  }),
  listDeadJobs: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/jobs/dead-letters',
    operation: 'jobs.dead_letter.list',
    summary: 'List jobs that failed for good',
    query: PageQuery.extend({ code: DeadLetterCode }),
    answers: { 200: { description: 'A page, newest first. Retry one to have it done again.', schema: Page } },
  }),
  replayDeadJobs: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/jobs/dead-letters/replay',
    operation: 'jobs.dead_letter.replay',
    summary: 'Do jobs again that failed for good',
    body: z
      .strictObject({
        code: DeadLetterCode,
        limit: z.int().min(1).max(200).default(50).meta({ description: 'Most jobs that one call does again.' }),
        cursor: z.string().max(500).optional().meta({ description: '`next_cursor` of the call before.' }),
      })
      .meta({ id: 'DeadLetterReplay' }),
    answers: {
      200: {
        description: 'What is done again, newest first. Each is pending once more, under its id.',
        schema: enveloped(
          z.object({
            replayed: z.int().meta({ description: 'How many.' }),
            job_ids: z.array(z.uuid()),
            next_cursor: z
              .string()
              .nullable()
              .meta({ description: 'Where the next call goes on; null behind the last.' }),
          }),
        ),
      },
    },
  }),
  getJob: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/jobs/{id}',
    operation: 'jobs.job.get',
    summary: 'Get a job',
    params: Identified,
    answers: { 200: { description: 'The job.', schema: One } },
  }),
  getJobUsage: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/jobs/{id}/usage',
    operation: 'jobs.job.get_usage',
    summary: 'Job cost/usage roll-up',
    params: Identified,
    answers: {
      200: { description: 'What everything that it caused came to.', schema: enveloped(z.object({ usage: JobUsage })) },
    },
  }),
  followJob: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/jobs/{id}/events',
    operation: 'jobs.job.follow',
    summary: 'Per-job event stream (SSE)',
    params: Identified,
    query: z.object({
      after: z.string().max(50).optional().meta({ description: 'Replay what came after this event id.' }),
    }),
    answers: {
      200: {
        description: 'What was, then live, until the job has ended; resume with `Last-Event-ID`.',
        otherMedia: ['text/event-stream'],
      },
    },
    streams: true,
  }),
  cancelJob: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/jobs/{id}/cancel',
    operation: 'jobs.job.cancel',
    summary: 'Cancel a job',
    params: Identified,
    answers: { 200: { description: 'The job as it is now.', schema: One } },
  }),
  retryJob: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/jobs/{id}/retry',
    operation: 'jobs.job.retry',
    summary: 'Do a job again that failed or was cancelled',
    params: Identified,
    answers: { 200: { description: 'The job as it is now.', schema: One } },
  }),
};
