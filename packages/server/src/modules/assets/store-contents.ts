import { statement, type Tx } from '../../platform/db/index.ts';
import type { SealedValue } from '../vault/index.ts';
import type { Stored } from './model.ts';

/*
 * Lock order: contents by digest, then the organization's usage, then uploads. Whoever adds an asset locks its upload, too,
 * before anything else; but nobody else waits for that one while holding something.
 */

const openUsage = statement('assets.open_usage', 'insert into asset_usage (org_id) values ($1) on conflict do nothing');
const openUpload = statement(
  'assets.open_upload',
  'insert into asset_uploads (org_id, object, reserved_bytes) values ($1, $2, 0)',
);
// Of what is wanted at most, as much as there is room for; nothing where there is none for the least.
const reserve = statement<{ granted: number }>(
  'assets.reserve',
  `with room as (
     select u.org_id, least($4::bigint, coalesce(u.quota_bytes, $5, 9007199254740991) - u.stored_bytes - u.reserved_bytes) as bytes
     from asset_usage u where u.org_id = $1 for update
   ), granted as (
     update asset_usage u set reserved_bytes = u.reserved_bytes + r.bytes
     from room r where u.org_id = r.org_id and r.bytes >= $3
     returning r.bytes
   )
   update asset_uploads u set reserved_bytes = u.reserved_bytes + g.bytes
   from granted g where u.org_id = $1 and u.object = $2
   returning g.bytes as granted`,
);
const lockUploads = statement<{ object: string }>(
  'assets.lock_uploads',
  'select object from asset_uploads where org_id = $1 and object = any($2) order by object for update',
);
const putContents = statement(
  'assets.put_contents',
  `insert into asset_contents (org_id, digest, object, size_bytes, sealed_key, key_version)
   select distinct on (c.digest) $1::uuid, c.digest, c.object, c.size_bytes, c.sealed_key, c.key_version
   from unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::integer[])
     as c(digest, object, size_bytes, sealed_key, key_version) order by c.digest
   on conflict (org_id, digest) do update set released_at = null`,
);
const lockContents = statement(
  'assets.lock_contents',
  'select 1 from asset_contents where org_id = $1 and digest = any($2) order by digest for update',
);
const lockContentsToo = statement(
  'assets.lock_contents_too',
  `select 1 from asset_contents where org_id = $1
     and digest = any($2 || array(select a.digest from assets a where a.org_id = $1 and a.id = any($3::uuid[])))
   order by digest for update`,
);
const releaseContents = statement(
  'assets.release_contents',
  'update asset_contents set released_at = now() where org_id = $1 and digest = any($2)',
);
const count = statement(
  'assets.count',
  `update asset_usage set asset_count = asset_count + $2, stored_bytes = stored_bytes + $3 where org_id = $1`,
);
const closeUploads = statement(
  'assets.close_uploads',
  `with spare as (
     select coalesce(sum(reserved_bytes), 0) as bytes from asset_uploads where org_id = $1 and object = any($2)
   ), freed as (
     update asset_usage u set reserved_bytes = u.reserved_bytes - s.bytes from spare s where u.org_id = $1
   )
   delete from asset_uploads where org_id = $1 and object = any($2)`,
);

const sealedBefore = statement<{ digest: string; object: string; sealed_key: Buffer; key_version: number }>(
  'assets.sealed_before',
  `select digest, object, sealed_key, key_version from asset_contents
   where org_id = $1 and key_version < $2 order by digest limit $3 for update skip locked`,
);
const replaceKey = statement(
  'assets.replace_key',
  'update asset_contents set sealed_key = $3, key_version = $4 where org_id = $1 and digest = $2',
);

/** Opens the account of an organization that has none yet. */
export const addUsage = (tx: Tx, orgId: string): void => tx.defer(openUsage, [orgId]);

/** Makes an upload known, before its first byte is written. It has no room yet. */
export function addUpload(tx: Tx, orgId: string, object: string): void {
  addUsage(tx, orgId);
  tx.defer(openUpload, [orgId, object]);
}

export type RoomWanted = { least: number; most: number; quotaBytes: number | null };

/** Keeps room for an upload, as much as there is between the least and the most wanted; null where there is too little. */
export async function reserveRoom(
  tx: Tx,
  { orgId, object }: { orgId: string; object: string },
  { least, most, quotaBytes }: RoomWanted,
): Promise<number | null> {
  return (await tx.query(reserve, [orgId, object, least, most, quotaBytes]))[0]?.granted ?? null;
}

/** Locks uploads that are about to become content; says which there are. The others have been given up. */
export const lockUploadsOf = async (tx: Tx, orgId: string, objects: readonly string[]): Promise<string[]> =>
  (await tx.query(lockUploads, [orgId, objects])).map(({ object }) => object);

/** Makes objects the organization's contents, those that it has none of yet. */
export function insertContents(tx: Tx, orgId: string, stored: readonly Stored[]): void {
  const of = <Key extends keyof Stored>(key: Key): Stored[Key][] => stored.map((one) => one[key]);
  const seals = of('seal');
  tx.defer(putContents, [
    orgId,
    of('digest'),
    of('object'),
    of('sizeBytes'),
    seals.map((seal) => seal?.bytes ?? null),
    seals.map((seal) => seal?.keyVersion ?? null),
  ]);
}

/** Locks the contents of assets that come and of others that are to go, as far as they are there. */
export const lockReplaced = (
  tx: Tx,
  orgId: string,
  { digests, replaced }: { digests: readonly string[]; replaced: readonly string[] },
): void => tx.defer(lockContentsToo, [orgId, digests, replaced]);

/** Marks contents as having lost an asset: what has none left goes when its time is over. */
export function markReleased(tx: Tx, orgId: string, digests: readonly string[]): void {
  tx.defer(lockContents, [orgId, digests]);
  tx.defer(releaseContents, [orgId, digests]);
}

/** Counts assets that came, or with a minus that went. */
export function countAssets(tx: Tx, orgId: string, change: { assets: number; bytes: number }): void {
  tx.defer(count, [orgId, change.assets, change.bytes]);
}

/** Ends uploads and gives back the room that was kept for them. What no content has taken over is garbage from then on. */
export function endUploads(tx: Tx, orgId: string, objects: readonly string[]): void {
  tx.defer(closeUploads, [orgId, objects]);
}

/** Locks contents whose keys are sealed with older data keys than this. */
export async function lockSealedBefore(
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<{ digest: string; object: string; seal: SealedValue }[]> {
  const rows = await tx.query(sealedBefore, [orgId, keyVersion, limit]);
  return rows.map(({ digest, object, sealed_key: bytes, key_version }) => ({
    digest,
    object,
    seal: { keyVersion: key_version, bytes },
  }));
}

export function replaceSealedKey(tx: Tx, orgId: string, { digest, seal }: { digest: string; seal: SealedValue }): void {
  tx.defer(replaceKey, [orgId, digest, seal.bytes, seal.keyVersion]);
}
