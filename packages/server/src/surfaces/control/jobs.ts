import { type Job as JobOnTheWire, type JobUsage as JobUsageOnTheWire, controlRoutes as routes } from '@assay/contract';
import type { Json } from '../../kernel/json.ts';
import { dollarsOf } from '../../kernel/money.ts';
import type { Job, JobUsage } from '../../modules/workflows/index.ts';
import type { Call } from '../../platform/operation.ts';
import { type EstimateOperations, type JobOperations, secondsOf, submitJob } from '../http/jobs.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { sendFollowed } from './events.ts';
import { pageLinks } from './page-links.ts';

/** Jobs, under `data.job`; what was submitted is answered in fabric's words beside it. */
export function serveJobs(surface: Surface, { operator }: HttpKit, of: JobOperations & EstimateOperations): void {
  const run = operator.run.bind(operator);
  const answer = (call: Call, job: Job) =>
    envelope(call, { status: 200, data: { job: encodeJob(job) }, links: { self: `/v1/jobs/${job.id}` } });

  surface.serve(routes.createJob, async ({ body }, call, { request }) => {
    const job = await submitJob(run, of, { call, body, headers: request.headers });
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
  surface.serve(routes.replayDeadJobs, async ({ body: { code, limit, cursor } }, call) => {
    const { ids, nextCursor } = await run(of.replayDeadJobs, call, {
      code: code ?? null,
      limit,
      cursor: cursor ?? null,
    });
    return envelope(call, {
      status: 200,
      data: { replayed: ids.length, job_ids: ids, next_cursor: nextCursor },
      links: { self: '/v1/jobs/dead-letters' },
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

function encodeUsage({ job, usage }: JobUsage): JobUsageOnTheWire {
  const sums = ({ records, cost, inputTokens, outputTokens }: (typeof usage.by)[number] | typeof usage) => ({
    calls: records,
    cost_usd: dollarsOf(cost),
    input_tokens: inputTokens,
    output_tokens: outputTokens,
  });
  return {
    job_id: job.id,
    ...sums(usage),
    seconds: secondsOf(job),
    attempts: job.attempts,
    by_model: usage.by.map((each) => ({ provider: each.provider, model: each.model, ...sums(each) })),
  };
}
