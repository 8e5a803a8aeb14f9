import {
  type Job as JobOnTheWire,
  type JobUsage as JobUsageOnTheWire,
  type NewJob,
  controlRoutes as routes,
} from '@assay/contract';
import { AppError } from '../../kernel/errors.ts';
import type { Json } from '../../kernel/json.ts';
import { dollarsOf } from '../../kernel/money.ts';
import type { chatOperations, embeddingOperations } from '../../modules/providers/index.ts';
import type { followJob, Job, JobUsage, JsonObject, jobOperations } from '../../modules/workflows/index.ts';
import type { Call } from '../../platform/operation.ts';
import type { HttpKit } from '../http/kit.ts';
import { chatOf, embeddingOf } from '../http/model-calls.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { sendFollowed } from './events.ts';
import { encodeEstimate } from './model-calls.ts';
import { pageLinks } from './page-links.ts';

export type JobOperations = ReturnType<typeof jobOperations> & { followJob: ReturnType<typeof followJob> };
type Estimates = ReturnType<typeof chatOperations> & ReturnType<typeof embeddingOperations>;

/** Jobs, under `data.job`; what was submitted is answered in fabric's words beside it. */
export function serveJobs(surface: Surface, { operator }: HttpKit, of: JobOperations & Estimates): void {
  const run = operator.run.bind(operator);
  const answer = (call: Call, job: Job) =>
    envelope(call, { status: 200, data: { job: encodeJob(job) }, links: { self: `/v1/jobs/${job.id}` } });

  /** What it will probably cost. It refuses what the call itself would be refused for. */
  async function estimateOf({ modality, ...body }: NewJob, call: Call): Promise<JsonObject | null> {
    if (modality === 'noop') return null;
    const estimate =
      modality === 'embedding'
        ? await run(of.estimateEmbedding, call, embeddingOf({ modality, ...body }, {}))
        : await run(of.estimateChat, call, chatOf({ modality, ...body }, {}, false));
    return encodeEstimate(estimate);
  }

  surface.serve(routes.createJob, async ({ body }, call) => {
    const { organization_id, idempotency_key, priority, run_at, ...request } = body;
    if (organization_id !== undefined && organization_id !== call.principal.orgId)
      throw new AppError('not_found', 'organization.not_found', 'There is no such organization here.');
    const job = await run(of.createJob, call, {
      modality: body.modality,
      request: request as JsonObject,
      estimate: await estimateOf(body, call),
      priority,
      runAt: run_at === undefined ? null : new Date(run_at),
    });
    const { job_id, status, workflow_run_id, cost_estimate, ...rest } = encodeJob(job);
    const named = { job_id, status, workflow_run_id, cost_estimate };
    const data = { ...named, job: { ...named, ...rest } };
    return envelope(call, { status: 202, data, links: { self: `/v1/jobs/${job.id}` } });
  });

  surface.serve(routes.listJobs, async ({ query: { status, limit, cursor } }, call) => {
    const page = await run(of.listJobs, call, { state: status ?? null, limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { jobs: page.items.map(encodeJob) },
      links: pageLinks('/v1/jobs', { status, limit }, page.nextCursor),
    });
  });
  surface.serve(routes.listDeadJobs, async ({ query: { code, limit, cursor } }, call) => {
    const page = await run(of.listDeadJobs, call, { code: code ?? null, limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { jobs: page.items.map(encodeJob) },
      links: pageLinks('/v1/jobs/dead-letters', { code, limit }, page.nextCursor),
    });
  });
  surface.serve(routes.getJob, async ({ params }, call) => answer(call, await run(of.getJob, call, params)));
  surface.serve(routes.getJobUsage, async ({ params }, call) => {
    const usage = encodeUsage(await run(of.getJobUsage, call, params));
    return envelope(call, { status: 200, data: { usage }, links: { self: `/v1/jobs/${params.id}/usage` } });
  });
  surface.serve(routes.followJob, async ({ params, query }, call, { request, reply }) => {
    const last = request.headers['last-event-id'];
    const after = typeof last === 'string' ? last : (query.after ?? null);
    const events = await run(of.followJob, call, { ...params, after });
    await sendFollowed(call, reply, events);
    return undefined;
  });
  surface.serve(routes.cancelJob, async ({ params }, call) => answer(call, await run(of.cancelJob, call, params)));
  surface.serve(routes.retryJob, async ({ params }, call) => answer(call, await run(of.retryJob, call, params)));
}

const encodeJob = (job: Job): JobOnTheWire => ({
  job_id: job.id,
  workflow_run_id: job.id,
  status: job.state,
  modality: job.modality,
  priority: job.priority,
  cost_estimate: job.estimate as JobOnTheWire['cost_estimate'],
  request: job.request,
  output: (job.output ?? null) as Json,
  error: job.error && { code: job.error.code, message: job.error.message },
  attempts: job.attempts,
  created_by: job.createdBy,
  created_at: job.createdAt.toISOString(),
  run_at: job.dueAt?.toISOString() ?? null,
  started_at: job.startedAt?.toISOString() ?? null,
  completed_at: job.completedAt?.toISOString() ?? null,
});

const secondsBetween = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime()) / 1000;

function encodeUsage({ job, usage }: JobUsage): JobUsageOnTheWire {
  const { createdAt, startedAt, completedAt } = job;
  const end = completedAt ?? new Date();
  const sums = ({ records, cost, inputTokens, outputTokens }: (typeof usage.by)[number] | typeof usage) => ({
    calls: records,
    cost_usd: dollarsOf(cost),
    input_tokens: inputTokens,
    output_tokens: outputTokens,
  });
  return {
    job_id: job.id,
    ...sums(usage),
    seconds: {
      waited: secondsBetween(createdAt, startedAt ?? end),
      ran: startedAt === null ? 0 : secondsBetween(startedAt, end),
    },
    attempts: job.attempts,
    by_model: usage.by.map((each) => ({ provider: each.provider, model: each.model, ...sums(each) })),
  };
}
