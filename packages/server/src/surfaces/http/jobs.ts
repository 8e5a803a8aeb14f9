import type { NewJob } from '@assay/contract';
import { AppError } from '../../kernel/errors.ts';
import type { chatOperations, embeddingOperations } from '../../modules/providers/index.ts';
import type { followJob, Job, JsonObject, jobOperations } from '../../modules/workflows/index.ts';
import type { HttpCall } from './http-call.ts';
import type { HttpKit } from './kit.ts';
import { chatOf, embeddingOf, encodeEstimate } from './model-calls.ts';

/* Jobs, for the surfaces that take them. */

export type JobOperations = ReturnType<typeof jobOperations> & { followJob: ReturnType<typeof followJob> };
export type EstimateOperations = Pick<ReturnType<typeof chatOperations>, 'estimateChat'> &
  Pick<ReturnType<typeof embeddingOperations>, 'estimateEmbedding'>;

/** Makes a job of what was asked. */
export async function submitJob(
  run: HttpKit['operator']['run'],
  of: Pick<JobOperations, 'createJob'> & EstimateOperations,
  { call, body }: { call: HttpCall; body: NewJob },
): Promise<Job> {
  const { organization_id, idempotency_key, priority, run_at, ...request } = body;
  if (organization_id !== undefined && organization_id !== call.principal.orgId)
    throw new AppError('not_found', 'organization.not_found', 'There is no such organization here.');
  return run(of.createJob, call, {
    modality: body.modality,
    request: request as JsonObject,
    estimate: await estimateOf(run, of, { call, body }),
    priority,
    runAt: run_at === undefined ? null : new Date(run_at),
  });
}

/** What it will probably cost. It refuses what the call itself would be refused for. */
async function estimateOf(
  run: HttpKit['operator']['run'],
  of: EstimateOperations,
  { call, body: { modality, ...body } }: { call: HttpCall; body: NewJob },
): Promise<JsonObject | null> {
  if (modality === 'noop') return null;
  const estimate =
    modality === 'embedding'
      ? await run(of.estimateEmbedding, call, embeddingOf({ modality, ...body }, {}))
      : await run(of.estimateChat, call, chatOf({ modality, ...body }, {}, false));
  return encodeEstimate(estimate);
}

/** How long a job waited for a worker, and how long it has taken since. */
export function secondsOf({ createdAt, startedAt, completedAt }: Job): { waited: number; ran: number } {
  const end = completedAt ?? new Date();
  return {
    waited: secondsBetween(createdAt, startedAt ?? end),
    ran: startedAt === null ? 0 : secondsBetween(startedAt, end),
  };
}

const secondsBetween = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime()) / 1000;
