import type { Tx } from '../../../platform/db/index.ts';
import { deleteAssets } from '../../assets/index.ts';
import { deleteOldRuns } from './store.ts';

/** Deletes a batch of runs that ended long ago, with the assets that are their contexts; says how many. Needs a transaction. */
export async function deleteRunsOlderThan(tx: Tx, days: number): Promise<number> {
  const gone = await deleteOldRuns(tx, days);
  const large = gone.filter(({ contextAsset }) => contextAsset !== null);
  const ofOrganizations = [...Map.groupBy(large, ({ orgId }) => orgId)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [orgId, runs] of ofOrganizations)
    await deleteAssets(
      tx,
      orgId,
      runs.map(({ contextAsset }) => String(contextAsset)),
    );
  return gone.length;
}
