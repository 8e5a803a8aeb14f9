import { type AssetId, newId } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';

const insert = statement(
  'assets.insert',
  'insert into assets (org_id, id, digest, size_bytes, media_type, filename) values ($1, $2, $3, $4, $5, $6)',
);

/** Refers to content that is stored already; gives the new asset's id. */
export function addAsset(
  tx: Tx,
  asset: { orgId: string; digest: string; sizeBytes: number; mediaType: string; filename: string },
): AssetId {
  const id = newId() as AssetId;
  tx.defer(insert, [asset.orgId, id, asset.digest, asset.sizeBytes, asset.mediaType, asset.filename]);
  return id;
}
