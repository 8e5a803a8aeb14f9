import { type AssetId, newId } from '../../kernel/ids.ts';
import type { Tx } from '../../platform/db/index.ts';
import { assetErrors } from './errors.ts';
import type { Asset, Stored } from './model.ts';
import { deleteRows, insertAssets } from './store.ts';
import {
  countAssets,
  endUploads,
  insertContents,
  lockReplaced,
  lockUploadsOf,
  markReleased,
} from './store-contents.ts';

/** An asset that is to be made of a stored object. */
export type NewAsset = Stored &
  Pick<Asset, 'mediaType' | 'filename'> & { createdBy?: Asset['createdBy']; expiresInSeconds?: number | null };

/**
 * Makes assets of stored objects, all that one transaction makes at once; gives their ids.
 * @param replaced assets that the same transaction deletes afterwards: what both lock is locked here, in one order
 * @throws AppError `unavailable` when an upload was given up meanwhile
 */
export async function addAssets(
  tx: Tx,
  orgId: string,
  assets: readonly NewAsset[],
  { replaced = [] }: { replaced?: readonly string[] } = {},
): Promise<AssetId[]> {
  if (assets.length === 0) return [];
  const objects = assets.map(({ object }) => object);
  if ((await lockUploadsOf(tx, orgId, objects)).length < objects.length)
    throw assetErrors.upload_lost('The upload took so long that it was given up meanwhile. Send it again.');
  const digests = assets.map(({ digest }) => digest);
  if (replaced.length > 0) lockReplaced(tx, orgId, { digests, replaced });
  insertContents(tx, orgId, assets);
  const made = assets.map((asset) => ({
    ...asset,
    id: newId() as AssetId,
    createdBy: asset.createdBy ?? null,
    expiresInSeconds: asset.expiresInSeconds ?? null,
  }));
  insertAssets(tx, orgId, made);
  countAssets(tx, orgId, { assets: made.length, bytes: bytesOf(assets) });
  endUploads(tx, orgId, objects);
  return made.map(({ id }) => id);
}

/** Deletes assets of an organization, those that are there; says how many. */
export async function deleteAssets(tx: Tx, orgId: string, ids: readonly string[]): Promise<number> {
  const gone = await deleteRows(tx, orgId, ids);
  if (gone.length === 0) return 0;
  markReleased(
    tx,
    orgId,
    gone.map(({ digest }) => digest),
  );
  countAssets(tx, orgId, { assets: -gone.length, bytes: -bytesOf(gone) });
  return gone.length;
}

const bytesOf = (assets: readonly { sizeBytes: number }[]): number =>
  assets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
