import type { WorkflowRun } from '@assay/contract';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { CliError, interrupted } from './cli-error.ts';
import { Progress } from './progress.ts';
import { eventLine } from './workflow-view.ts';

/**
 * Follows a run to its end, and gives it as it is then. A broken connection is made again, and nothing is lost or repeated.
 * `tell`: whether events are what is asked for, and not only waited for.
 */
export async function followWorkflowRun(
  assay: Assay,
  id: string,
  { cli, tell }: { cli: Cli; tell: boolean },
): Promise<WorkflowRun> {
  const { printer, signal } = cli;
  using progress = new Progress(printer, `Waiting for ${id}`, { plain: true });
  const onReconnect = (): void => void printer.note('reconnected');
  try {
    for await (const event of assay.runs.follow(id, { signal, onReconnect })) {
      if (printer.format === 'jsonl') await printer.event(event);
      if (!tell || printer.format !== 'human') continue;
      progress[Symbol.dispose]();
      await printer.program('stdout', eventLine(event));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw interrupted(`The run goes on. End it with: assay runs cancel ${id}`);
  }
  return assay.runs.get(id, { signal });
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
