import { statement, type Tx } from '../../platform/db/index.ts';

type Content = { org_id: string; digest: string };

const expired = statement<{ org_id: string; id: string }>(
  'assets.expired',
  `select org_id, id from assets where expires_at <= now() order by org_id, id limit $1 for update skip locked`,
);
const released = statement<Content>(
  'assets.released',
  `select org_id, digest from asset_contents where released_at < now() - make_interval(secs => $1)
   order by released_at limit $2 for update skip locked`,
);
// The rows are locked by then, so what refers to them is committed and seen, or waits until they are gone.
const deleteUnreferred = statement<Content>(
  'assets.delete_unreferred',
  `delete from asset_contents c using unnest($1::uuid[], $2::text[]) as r(org_id, digest)
   where c.org_id = r.org_id and c.digest = r.digest
     and not exists (select 1 from assets a where a.org_id = c.org_id and a.digest = c.digest)
   returning c.org_id, c.digest`,
);
const keepReferred = statement(
  'assets.keep_referred',
  `update asset_contents c set released_at = null from unnest($1::uuid[], $2::text[]) as r(org_id, digest)
   where c.org_id = r.org_id and c.digest = r.digest`,
);
const stale = statement<{ org_id: string; object: string }>(
  'assets.stale_uploads',
  `select org_id, object from asset_uploads where started_at < now() - make_interval(secs => $1)
   order by started_at limit $2 for update skip locked`,
);
const garbage = statement<{ object: string; is_taken: boolean }>(
  'assets.garbage',
  `select g.object, exists (select 1 from asset_contents c where c.object = g.object) as is_taken
   from asset_garbage g order by g.since limit $1`,
);
const forget = statement('assets.forget_garbage', 'delete from asset_garbage where object = any($1)');

/** Locks some of the assets whose time is over. On the system handle, as everything here. */
export const lockExpired = (tx: Tx, limit: number): Promise<{ org_id: string; id: string }[]> =>
  tx.query(expired, [limit]);

/**
 * Takes away contents that have lost an asset so long ago and have none left; says how many. Contents that were given one
 * again are left alone from then on.
 */
export async function deleteReleased(tx: Tx, graceSeconds: number, limit: number): Promise<number> {
  const locked = await tx.query(released, [graceSeconds, limit]);
  if (locked.length === 0) return 0;
  const columns = [locked.map(({ org_id }) => org_id), locked.map(({ digest }) => digest)];
  const gone = await tx.query(deleteUnreferred, columns);
  if (gone.length < locked.length) tx.defer(keepReferred, columns);
  return locked.length;
}

/** Locks uploads that nobody can be at any more. */
export const lockStaleUploads = (
  tx: Tx,
  ageSeconds: number,
  limit: number,
): Promise<{ org_id: string; object: string }[]> => tx.query(stale, [ageSeconds, limit]);

/** Names that are to be removed from the store. A name that is taken is content: it only has to be forgotten here. */
export const listGarbage = async (tx: Tx, limit: number): Promise<{ object: string; isTaken: boolean }[]> =>
  (await tx.query(garbage, [limit])).map(({ object, is_taken }) => ({ object, isTaken: is_taken }));

export async function forgetGarbage(tx: Tx, objects: readonly string[]): Promise<void> {
  await tx.query(forget, [objects]);
}
