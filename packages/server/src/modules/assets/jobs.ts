import type { Tx } from '../../platform/db/index.ts';
import type { Objects } from './ports.ts';
import { deleteAssets } from './references.ts';
import { endUploads } from './store-contents.ts';
import { deleteReleased, forgetGarbage, listGarbage, lockExpired, lockStaleUploads } from './store-garbage.ts';

export type CollectorServices = {
  objects: Pick<Objects, 'remove'>;
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

/**
 * For how long content stays that has no asset any more. A backup that is under way has seen its rows already, and still has
 * to find the bytes.
 */
const GRACE_SECONDS = 24 * 3600;
/** Longer than anybody uploads one file. */
const STALE_SECONDS = 24 * 3600;
const BATCH = 200;
/** Of one run; the rest waits for the next. */
const MOST_BATCHES = 500;

/**
 * Deletes assets whose time is over, and removes from the store what nothing refers to any more: content that lost its last
 * asset, and uploads that were never finished. Runs in any worker, several at once, and goes on after a crash.
 */
export async function collectGarbage(services: CollectorServices): Promise<void> {
  const { transaction } = services;
  await inBatches(() => transaction(deleteExpired));
  await inBatches(() => transaction((tx) => deleteReleased(tx, GRACE_SECONDS, BATCH)));
  await inBatches(() => transaction(giveUpStale));
  await inBatches(() => removeObjects(services));
}

async function inBatches(batch: () => Promise<number>): Promise<void> {
  for (let round = 0; round < MOST_BATCHES; round++) if ((await batch()) === 0) return;
}

async function deleteExpired(tx: Tx): Promise<number> {
  const found = await lockExpired(tx, BATCH);
  for (const [orgId, rows] of byOrganization(found))
    await deleteAssets(
      tx,
      orgId,
      rows.map(({ id }) => id),
    );
  return found.length;
}

async function giveUpStale(tx: Tx): Promise<number> {
  const found = await lockStaleUploads(tx, STALE_SECONDS, BATCH);
  for (const [orgId, rows] of byOrganization(found))
    endUploads(
      tx,
      orgId,
      rows.map(({ object }) => object),
    );
  return found.length;
}

/** A name is forgotten after it was removed: a crash between the two has it removed once more. */
async function removeObjects({ objects, statements }: CollectorServices): Promise<number> {
  const found = await statements((tx) => listGarbage(tx, BATCH));
  for (const { object, isTaken } of found) if (!isTaken) await objects.remove(object);
  const names = found.map(({ object }) => object);
  await statements((tx) => forgetGarbage(tx, names));
  return found.length;
}

/** In the order of organizations, in which everybody who works on several locks them. */
const byOrganization = <Row extends { org_id: string }>(rows: readonly Row[]): [string, Row[]][] =>
  [...Map.groupBy(rows, ({ org_id }) => org_id)].sort(([a], [b]) => (a < b ? -1 : 1));
