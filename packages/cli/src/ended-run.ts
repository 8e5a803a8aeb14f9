import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { EvaluationStatus } from '@assay/sdk';
import { CliError } from './cli-error.ts';

/** How a run ended, as its record or the last event of its log says. */
export type EndedRun = Pick<EvaluationStatus, 'eval_id' | 'status' | 'exit_code'> & {
  reason: string | null;
  message: string | null;
};

/** Why a run is not a success; null when it is one. A run that goes on is none either, yet. */
export function runFailure(run: EndedRun): CliError | null {
  const { eval_id, status, exit_code, reason, message } = run;
  if (status === 'completed') return null;
  const cause = message || (exit_code === null ? reason || status : `It exited with ${exit_code}.`);
  return new CliError(`${eval_id} ended as ${status}. ${cause}`, {
    code: `evaluation_${status}`,
    exit: status === 'timeout' ? EXIT_CODES.timedOut : EXIT_CODES.remoteFailed,
  });
}
