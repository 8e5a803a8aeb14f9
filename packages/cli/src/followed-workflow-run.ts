import type { WorkflowRun } from '@assay/contract';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { followWork } from './followed-work.ts';

/** Follows a run to its end, and gives it as it is then. `tell`: whether events are what is asked for. */
export async function followWorkflowRun(
  assay: Assay,
  id: string,
  { cli, tell }: { cli: Cli; tell: boolean },
): Promise<WorkflowRun> {
  await followWork(cli, {
    id,
    follow: (options) => assay.runs.follow(id, options),
    tell,
    goesOn: `The run goes on. End it with: assay runs cancel ${id}`,
  });
  return assay.runs.get(id, { signal: cli.signal });
}

/** Why a run is not a success; null when it is one. */
export function workflowRunFailure({ id, state, error }: WorkflowRun): CliError | null {
  if (state === 'completed') return null;
  const where = error?.node ? ` at ${error.node}` : '';
  return new CliError(`${id} ended as ${state}${where}. ${error?.message ?? ''}`.trimEnd(), {
    code: `workflow_run_${state}`,
    exit: error?.code === 'workflow_run.timed_out' ? EXIT_CODES.timedOut : EXIT_CODES.remoteFailed,
    ...(state === 'failed' && { hint: `Make again what failed: assay runs retry ${id}` }),
  });
}
