import { statement, type Tx } from '../../../platform/db/index.ts';
import type { JsonObject } from '../model.ts';

/** As the row of a run has it: the context, or the asset that holds it. */
export type StoredContext = { context: JsonObject; asset: string | null };
/** The asset that holds a context, and its size; null where the row does. */
export type ContextPlace = { asset: string; bytes: number } | null;

const place = statement<{ context: JsonObject; context_asset: string | null }>(
  'workflows.context_place',
  'select context, context_asset from workflow_runs where org_id = $1 and id = $2',
);

/** Where the context of a run is now; null when the run is gone. */
export async function findContextPlace(
  tx: Tx,
  { orgId, runId }: { orgId: string; runId: string },
): Promise<StoredContext | null> {
  const [row] = await tx.query(place, [orgId, runId]);
  return row ? { context: row.context, asset: row.context_asset } : null;
}
