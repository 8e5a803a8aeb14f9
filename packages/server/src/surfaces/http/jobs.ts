import type { IncomingHttpHeaders } from 'node:http';
import type { NewJob } from '@assay/contract';
import { AppError } from '../../kernel/errors.ts';
import type { Attribution, chatOperations, embeddingOperations } from '../../modules/providers/index.ts';
import type { followJob, Job, JsonObject, jobOperations } from '../../modules/workflows/index.ts';
import { attributionOf } from './attribution.ts';
import type { HttpCall } from './http-call.ts';
import type { HttpKit } from './kit.ts';
import { chatOf, embeddingOf, encodeEstimate } from './model-calls.ts';

/* Jobs, for the surfaces that take them. */

export type JobOperations = ReturnType<typeof jobOperations> & { followJob: ReturnType<typeof followJob> };
export type EstimateOperations = Pick<ReturnType<typeof chatOperations>, 'estimateChat'> &
  Pick<ReturnType<typeof embeddingOperations>, 'estimateEmbedding'>;

/** To whom a job is billed beside whoever made it. */
export type JobBilling = {
  billed_to?: { team?: string; project?: string; agent?: string; tags?: Record<string, string> };
};

/** Makes a job of what was asked. */
export async function submitJob(
  run: HttpKit['operator']['run'],
  of: Pick<JobOperations, 'createJob'> & EstimateOperations,
  { call, body, headers }: { call: HttpCall; body: NewJob; headers: IncomingHttpHeaders },
): Promise<Job> {
  const { organization_id, idempotency_key, priority, run_at, ...asked } = body;
  if (organization_id !== undefined && organization_id !== call.principal.orgId)
    throw new AppError('not_found', 'organization.not_found', 'There is no such organization here.');
  return run(of.createJob, call, {
    modality: body.modality,
    request: { ...asked, ...billedTo(attributionOf(headers)) } as JsonObject,
    estimate: await estimateOf(run, of, { call, body }),
    priority,
    runAt: run_at === undefined ? null : new Date(run_at),
  });
}

/** To whom the headers say that it is billed, as it is kept with what was asked; nothing where they do not. */
function billedTo({ teamId, projectId, agentId, tags }: Attribution): JobBilling {
  const said = {
    ...(teamId !== null && { team: teamId }),
    ...(projectId !== null && { project: projectId }),
    ...(agentId !== null && { agent: agentId }),
    ...(Object.keys(tags).length > 0 && { tags: { ...tags } }),
  };
  return Object.keys(said).length === 0 ? {} : { billed_to: said };
}

/** The same, of a job that is done. */
export const attributionOfJob = ({ billed_to: said = {} }: JobBilling): Attribution => ({
  teamId: said.team ?? null,
  projectId: said.project ?? null,
  agentId: said.agent ?? null,
  tags: said.tags ?? {},
});

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
