import type { Tx } from '../../../platform/db/index.ts';
import type { Contexts } from '../context/contexts.ts';
import type { RunRow } from './model.ts';
import type { RunProgress } from './run-progress.ts';
import { type LockedRun, writeProgress } from './store.ts';

/** A locked run, with its context wherever that is. */
export async function loadRun(
  tx: Tx,
  { run, contextAsset: asset }: LockedRun,
  contexts: Pick<Contexts, 'loadLocked'>,
): Promise<RunRow> {
  if (asset === null) return run;
  return { ...run, context: await contexts.loadLocked(tx, run.orgId, { context: run.context, asset }) };
}

/** Writes what was decided of locked runs, and their contexts to where they belong. */
export async function writeWithContexts(
  tx: Tx,
  decided: readonly { locked: LockedRun; progress: RunProgress }[],
  contexts: Pick<Contexts, 'keep'>,
): Promise<void> {
  const changed = decided.flatMap(({ locked, progress: { changes, orgId, runId } }) =>
    changes.isContextSame
      ? []
      : [{ orgId, runId, maker: locked.origin.maker, before: locked.contextAsset, context: changes.run.context }],
  );
  const { kept, release } = await contexts.keep(tx, changed);
  writeProgress(
    tx,
    decided.map(({ progress }) => progress),
    kept,
  );
  await release();
}
