import type { AssetId, OrganizationId } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Asset, Located } from './model.ts';

type Row = {
  id: string;
  org_id: string;
  digest: string;
  size_bytes: number;
  media_type: string;
  filename: string;
  created_by_kind: string | null;
  created_by: string | null;
  created_at: Date;
  expires_at: Date | null;
};

const COLUMNS =
  'id, org_id, digest, size_bytes, media_type, filename, created_by_kind, created_by, created_at, expires_at';
const THERE = '(expires_at is null or expires_at > now())';

const insert = statement(
  'assets.insert',
  `insert into assets (org_id, id, digest, size_bytes, media_type, filename, created_by_kind, created_by, expires_at)
   select $1::uuid, a.id, a.digest, a.size_bytes, a.media_type, a.filename, a.kind, a.by, now() + make_interval(secs => a.lasts)
   from unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::integer[])
     as a(id, digest, size_bytes, media_type, filename, kind, by, lasts)`,
);
const byId = statement<Row>('assets.by_id', `select ${COLUMNS} from assets where org_id = $1 and id = $2 and ${THERE}`);
type ContentRow = Row & { object: string; sealed_key: Buffer | null; key_version: number | null };
const withContent = statement<ContentRow>(
  'assets.with_content',
  `select ${COLUMNS.replace(/\w+/g, 'a.$&')}, c.object, c.sealed_key, c.key_version
   from assets a join asset_contents c on c.org_id = a.org_id and c.digest = a.digest
   where a.org_id = $1 and a.id = $2 and (a.expires_at is null or a.expires_at > now())`,
);
const lock = statement<Row>(
  'assets.lock',
  `select ${COLUMNS} from assets where org_id = $1 and id = $2 and ${THERE} for update`,
);
const list = statement<Row>(
  'assets.list',
  `select ${COLUMNS} from assets
   where org_id = $1 and ${THERE} and ($2::timestamptz is null or (created_at, id) < ($2, $3))
     and ($5::text is null or created_by = $5)
   order by created_at desc, id desc limit $4`,
);
const remove = statement<{ digest: string; size_bytes: number }>(
  'assets.delete',
  'delete from assets where org_id = $1 and id = any($2::uuid[]) returning digest, size_bytes',
);

export type InsertedAsset = Omit<Asset, 'orgId' | 'createdAt' | 'expiresAt'> & { expiresInSeconds: number | null };

export function insertAssets(tx: Tx, orgId: string, assets: readonly InsertedAsset[]): void {
  const of = <Key extends keyof InsertedAsset>(key: Key): InsertedAsset[Key][] => assets.map((asset) => asset[key]);
  const makers = of('createdBy');
  tx.defer(insert, [
    orgId,
    of('id'),
    of('digest'),
    of('sizeBytes'),
    of('mediaType'),
    of('filename'),
    makers.map((maker) => maker?.kind ?? null),
    makers.map((maker) => maker?.id ?? null),
    of('expiresInSeconds'),
  ]);
}

export async function findAsset(tx: Tx, orgId: string, id: string): Promise<Asset | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toAsset(row) : null;
}

/** An asset, and where its content is. */
export async function findWithContent(
  tx: Tx,
  orgId: string,
  id: string,
): Promise<{ asset: Asset; content: Located } | null> {
  const [row] = await tx.query(withContent, [orgId, id]);
  if (!row) return null;
  const { object, size_bytes: sizeBytes, sealed_key: bytes, key_version: keyVersion } = row;
  const seal = bytes === null || keyVersion === null ? null : { keyVersion, bytes };
  return { asset: toAsset(row), content: { orgId, object, sizeBytes, seal } };
}

export async function lockAsset(tx: Tx, orgId: string, id: string): Promise<Asset | null> {
  const [row] = await tx.query(lock, [orgId, id]);
  return row ? toAsset(row) : null;
}

type Wanted = { after: { createdAt: string; id: string } | null; createdBy: string | null; limit: number };

/** The newest first, after this place of the list; those that one caller stored where it is named. */
export async function listAssets(tx: Tx, orgId: string, { after, createdBy, limit }: Wanted): Promise<Asset[]> {
  return (await tx.query(list, [orgId, after?.createdAt ?? null, after?.id ?? null, limit, createdBy])).map(toAsset);
}

/** Deletes rows, and gives what they referred to. Everybody deletes through `deleteAssets`, which keeps the accounts. */
export async function deleteRows(
  tx: Tx,
  orgId: string,
  ids: readonly string[],
): Promise<{ digest: string; sizeBytes: number }[]> {
  const rows = await tx.query(remove, [orgId, ids]);
  return rows.map(({ digest, size_bytes }) => ({ digest, sizeBytes: size_bytes }));
}

const toAsset = (row: Row): Asset => ({
  id: row.id as AssetId,
  orgId: row.org_id as OrganizationId,
  digest: row.digest,
  sizeBytes: row.size_bytes,
  mediaType: row.media_type,
  filename: row.filename,
  createdBy:
    row.created_by_kind === null || row.created_by === null ? null : { kind: row.created_by_kind, id: row.created_by },
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});
