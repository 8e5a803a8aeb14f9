import type { AssetId, OrganizationId } from '../../kernel/ids.ts';
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

const byId = statement<Row>(
  'assets.by_id',
  'select id, org_id, digest, size_bytes, media_type, filename, created_at from assets where org_id = $1 and id = $2',
);

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
