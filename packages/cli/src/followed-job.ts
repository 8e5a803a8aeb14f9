import type { Job } from '@assay/contract';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { followWork } from './followed-work.ts';

/** Follows a job to its end, and gives it as it is then. `tell`: whether events are what is asked for. */
export async function followJob(assay: Assay, id: string, { cli, tell }: { cli: Cli; tell: boolean }): Promise<Job> {
  await followWork(cli, {
    id,
    follow: (options) => assay.jobs.follow(id, options),
    tell,
    goesOn: `The job goes on. End it with: assay jobs cancel ${id}`,
  });
  return assay.jobs.get(id, { signal: cli.signal });
}

/** Why a job is not a success; null when it is one. */
export function jobFailure({ job_id, status, error }: Job): CliError | null {
  if (status === 'completed') return null;
  return new CliError(`${job_id} ended as ${status}. ${error?.message ?? ''}`.trimEnd(), {
    code: `job_${status}`,
    exit: EXIT_CODES.remoteFailed,
    ...(status === 'failed' && { hint: `Have it done again: assay jobs retry ${job_id}` }),
  });
}
