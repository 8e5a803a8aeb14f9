import type { Tx } from '../../platform/db/index.ts';
import type { EvaluationState } from './model.ts';
import type { EvaluationServices } from './services.ts';
import { markCancelled } from './store.ts';
import { type Asked, endAllOf, endAllOfRuns } from './store-endings.ts';

/* What is queued ends with the commit, what runs as soon as its runner hears of it. */

type Signals = Pick<EvaluationServices, 'endings' | 'cancelled'>;

/** Ends all work of an organization that is deleted. */
export const endWorkOf = async (tx: Tx, orgId: string, signals: Signals): Promise<void> =>
  tell(tx, await endAllOf(tx, orgId, 'organization_deleted'), signals);

/** Ends what nodes of workflow runs have under way, where the runs have ended without waiting for it. */
export const endWorkOfRuns = async (
  tx: Tx,
  runs: readonly { orgId: string; id: string }[],
  signals: Signals,
): Promise<void> => tell(tx, await endAllOfRuns(tx, runs, 'workflow_run_ended'), signals);

/** Ends one evaluation; null when there is none. */
export async function cancelEvaluation(
  tx: Tx,
  { orgId, id, reason }: { orgId: string; id: string; reason: string },
  signals: Signals,
): Promise<{ state: EvaluationState; wasTerminal: boolean } | null> {
  const marked = await markCancelled(tx, orgId, id, reason);
  if (marked) tell(tx, [{ id, state: marked.state }], signals);
  return marked;
}

function tell(tx: Tx, asked: readonly Asked[], { endings, cancelled }: Signals): void {
  tx.onCommit(() => {
    for (const { id, state } of asked) {
      if (state === 'cancelled') endings.announce(id);
      else cancelled(id);
    }
  });
}
