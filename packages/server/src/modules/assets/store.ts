import { type AssetId, newId, type OrganizationId } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Asset } from './model.ts';

type Row = {
  id: string;
  org_id: string;
  digest: string;
  size_bytes: number;
  media_type: string;
  filename: string;
  created_at: Date;
};

const insert = statement(
  'assets.insert',
  'insert into assets (org_id, id, digest, size_bytes, media_type, filename) values ($1, $2, $3, $4, $5, $6)',
);
const byId = statement<Row>(
  'assets.by_id',
  'select id, org_id, digest, size_bytes, media_type, filename, created_at from assets where org_id = $1 and id = $2',
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

export async function findAsset(tx: Tx, orgId: string, id: string): Promise<Asset | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  if (!row) return null;
  return {
    id: row.id as AssetId,
    orgId: row.org_id as OrganizationId,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    mediaType: row.media_type,
    filename: row.filename,
    createdAt: row.created_at,
  };
}
