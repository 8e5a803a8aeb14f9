import type { Tx } from '../../../platform/db/index.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { endWorkOfStopped } from '../engine/stopped-work.ts';
import { findUnended, lockForProgress, writeProgress } from '../engine/store.ts';
import type { RunServices } from './operations.ts';

/** Runs that are cancelled by one statement. */
const BATCH = 200;

/** Cancels all runs of an organization that is deleted. */
export async function endRunsOf(
  tx: Tx,
  orgId: string,
  { graphs, ended, endWork }: Pick<RunServices, 'graphs' | 'ended' | 'endWork'>,
): Promise<void> {
  for (;;) {
    const names = await findUnended(tx, orgId, BATCH);
    if (names.length === 0) return;
    const locked = await lockForProgress(
      tx,
      names.map((name) => ({ ...name, nodes: [] })),
    );
    const decided = await Promise.all(
      locked.map(async (each) => {
        const graph = await graphs.of(orgId, each.run.definitionId);
        const progress = new RunProgress({ graph, ...each });
        progress.cancel();
        return progress;
      }),
    );
    await endWorkOfStopped(tx, decided, { endWork });
    writeProgress(tx, decided);
    tx.onCommit(() => {
      for (const { runId } of decided) ended(runId);
    });
  }
}
