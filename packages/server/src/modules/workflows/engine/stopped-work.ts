import type { Tx } from '../../../platform/db/index.ts';
import type { RunProgress } from './run-progress.ts';
import type { RunName } from './store.ts';

/** Ends what nodes of these runs have set going elsewhere, in the transaction that ends the runs. */
export type EndWork = (tx: Tx, runs: readonly RunName[]) => Promise<void>;

/**
 * Ends the work of the runs that were stopped by what was decided. Before their nodes are written: whatever ends on its
 * own locks its work first, and then the node that waits for it.
 */
export async function endWorkOfStopped(
  tx: Tx,
  decided: readonly RunProgress[],
  { endWork }: { endWork: EndWork },
): Promise<void> {
  const stopped = decided.filter(({ changes }) => changes.sweep === 'cancel');
  if (stopped.length === 0) return;
  await endWork(
    tx,
    stopped.map(({ orgId, runId }) => ({ orgId, id: runId })),
  );
}
