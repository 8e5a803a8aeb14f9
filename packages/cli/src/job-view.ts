import type { Job, JobUsage } from '@assay/contract';
import { dollars } from './dollars.ts';
import { fields, type Human, table } from './view.ts';

/** A job for people. */
export const jobFields = (job: Job): Human =>
  fields(
    ['id', job.job_id],
    ['modality', job.modality],
    ['status', job.status],
    ['error', job.error && `${job.error.code}: ${job.error.message}`],
    ['estimate', estimateOf(job)],
    ['attempts', job.attempts],
    ['priority', job.priority],
    ['created', job.created_at],
    ['begins', job.run_at],
    ['started', job.started_at],
    ['ended', job.completed_at],
    ['asked', JSON.stringify(job.request)],
    ['output', JSON.stringify(job.output)],
  );

export const jobTable = (jobs: readonly Job[]): Human =>
  table(
    ['id', 'modality', 'status', 'attempts', 'created', 'ended', 'error'],
    jobs.map((job) => [
      job.job_id,
      job.modality,
      job.status,
      job.attempts,
      job.created_at,
      job.completed_at,
      job.error?.message,
    ]),
    'There are no jobs here. Make one: assay jobs create PROMPT',
  );

export const usageTable = ({ by_model }: JobUsage): Human =>
  table(
    ['provider', 'model', 'calls', 'input', 'output', 'cost'],
    by_model.map((of) => [of.provider, of.model, of.calls, of.input_tokens, of.output_tokens, costOf(of.cost_usd)]),
    'It has asked no model yet.',
  );

/** What a job gave, as a person reads it: the text where it is one. */
export function outputText({ output }: Job): string {
  const text = (output as { text?: unknown } | null)?.text;
  return typeof text === 'string' ? `${text}\n` : `${JSON.stringify(output, null, 2)}\n`;
}

function estimateOf({ cost_estimate }: Job): string | null {
  const cost = cost_estimate?.cost_usd;
  return cost ? `${costOf(cost.low)} to ${costOf(cost.high)}` : null;
}

export const costOf = (usd: number): string => dollars(Math.round(usd * 1_000_000));
