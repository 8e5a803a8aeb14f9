import { statement, type Tx } from '../../../platform/db/index.ts';
import type { SealedValue } from '../keys/model.ts';
import { KEPT_VERSIONS, type Secret, type SecretVersion } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  description: string;
  version: number;
  created_by: string | null;
  created_at: Date;
  updated_at: Date;
  last_used_at: Date | null;
};
type VersionRow = {
  version: number;
  encoding: 'text' | 'base64';
  size_bytes: number;
  created_by: string | null;
  created_at: Date;
  is_kept: boolean;
};
type SealedRow = { secret_id: string; version: number; key_version: number; sealed: Buffer };
const COLUMNS = 'org_id, id, name, description, version, created_by, created_at, updated_at, last_used_at';

const insert = statement<Row>(
  'secrets.insert',
  `insert into secrets (org_id, id, name, description, created_by) values ($1, $2, $3, $4, $5) returning ${COLUMNS}`,
);
const byName = statement<Row>('secrets.by_name', `select ${COLUMNS} from secrets where org_id = $1 and name = $2`);
const lock = statement<Row>(
  'secrets.lock',
  `select ${COLUMNS} from secrets where org_id = $1 and name = $2 for update`,
);
const list = statement<Row>(
  'secrets.list',
  `select ${COLUMNS} from secrets where org_id = $1 and name > $2 order by name limit $3`,
);
const update = statement<Row>(
  'secrets.update',
  `update secrets set description = $3, version = version + 1, updated_at = now()
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const remove = statement('secrets.delete', 'delete from secrets where org_id = $1 and id = $2');
const insertValue = statement(
  'secrets.insert_version',
  `insert into secret_versions (org_id, secret_id, version, encoding, size_bytes, key_version, sealed, created_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8)`,
);
const dropOld = statement(
  'secrets.drop_old_values',
  `update secret_versions set sealed = null
   where org_id = $1 and secret_id = $2 and version <= $3 - ${KEPT_VERSIONS} and sealed is not null`,
);
const versions = statement<VersionRow>(
  'secrets.versions',
  `select version, encoding, size_bytes, created_by, created_at, sealed is not null as is_kept
   from secret_versions where org_id = $1 and secret_id = $2 and version < $3 order by version desc limit $4`,
);
const value = statement<SealedRow>(
  'secrets.value',
  `select secret_id, version, key_version, sealed from secret_versions
   where org_id = $1 and secret_id = $2 and version = $3 and sealed is not null`,
);
const used = statement(
  'secrets.used',
  `update secrets set last_used_at = date_trunc('minute', now())
   where org_id = $1 and id = $2 and (last_used_at is null or last_used_at < date_trunc('minute', now()))`,
);
const toReseal = statement<SealedRow>(
  'secrets.to_reseal',
  `select secret_id, version, key_version, sealed from secret_versions
   where org_id = $1 and key_version < $2 and sealed is not null limit $3 for update skip locked`,
);
const reseal = statement(
  'secrets.reseal',
  'update secret_versions set key_version = $4, sealed = $5 where org_id = $1 and secret_id = $2 and version = $3',
);

export type NewSecretRow = Pick<Secret, 'orgId' | 'id' | 'name' | 'description' | 'createdBy'>;

export async function insertSecret(tx: Tx, secret: NewSecretRow): Promise<Secret> {
  const { orgId, id, name, description, createdBy } = secret;
  return toSecret((await tx.query(insert, [orgId, id, name, description, createdBy]))[0] as Row);
}

export const findSecret = async (tx: Tx, orgId: string, name: string): Promise<Secret | null> =>
  one(await tx.query(byName, [orgId, name]));

/** Finds a secret and locks its row until the transaction ends. */
export const lockSecret = async (tx: Tx, orgId: string, name: string): Promise<Secret | null> =>
  one(await tx.query(lock, [orgId, name]));

/** Secrets by name, after the given one. */
export const listSecrets = async (tx: Tx, orgId: string, page: { after: string; limit: number }): Promise<Secret[]> =>
  (await tx.query(list, [orgId, page.after, page.limit])).map(toSecret);

/** Moves a secret on to its next version. */
export async function advanceSecret(tx: Tx, { orgId, id }: Secret, description: string): Promise<Secret> {
  return toSecret((await tx.query(update, [orgId, id, description]))[0] as Row);
}

export async function deleteSecret(tx: Tx, { orgId, id }: Secret): Promise<void> {
  await tx.query(remove, [orgId, id]);
}

export type NewVersion = Pick<SecretVersion, 'encoding' | 'sizeBytes' | 'createdBy'> & { sealed: SealedValue };

/** Keeps the value of the version that a secret is at, and throws those away that are too old. */
export function insertVersion(tx: Tx, { orgId, id, version }: Secret, of: NewVersion): void {
  const { keyVersion, bytes } = of.sealed;
  tx.defer(insertValue, [orgId, id, version, of.encoding, of.sizeBytes, keyVersion, bytes, of.createdBy]);
  tx.defer(dropOld, [orgId, id, version]);
}

/** Versions of a secret, the newest first, below the given one. */
export async function listVersions(
  tx: Tx,
  { orgId, id }: Secret,
  page: { before: number; limit: number },
): Promise<SecretVersion[]> {
  const rows = await tx.query(versions, [orgId, id, page.before, page.limit]);
  return rows.map((row) => ({
    version: row.version,
    encoding: row.encoding,
    sizeBytes: row.size_bytes,
    createdBy: row.created_by,
    createdAt: row.created_at,
    isKept: row.is_kept,
  }));
}

/** The sealed value of a version; null when it is not there, or was thrown away. */
export async function findValue(tx: Tx, { orgId, id }: Secret, version: number): Promise<SealedValue | null> {
  const [row] = await tx.query(value, [orgId, id, version]);
  return row ? { keyVersion: row.key_version, bytes: row.sealed } : null;
}

export const noteUse = (tx: Tx, { orgId, id }: Secret): void => tx.defer(used, [orgId, id]);

export type StoredValue = { secretId: string; version: number; sealed: SealedValue };

/** Values that are sealed with older data keys than this, locked. */
export async function lockValuesBefore(
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<StoredValue[]> {
  const rows = await tx.query(toReseal, [orgId, keyVersion, limit]);
  return rows.map((row) => ({
    secretId: row.secret_id,
    version: row.version,
    sealed: { keyVersion: row.key_version, bytes: row.sealed },
  }));
}

export function replaceSealed(tx: Tx, orgId: string, { secretId, version, sealed }: StoredValue): void {
  tx.defer(reseal, [orgId, secretId, version, sealed.keyVersion, sealed.bytes]);
}

const one = ([row]: readonly Row[]): Secret | null => (row ? toSecret(row) : null);

const toSecret = (row: Row): Secret => ({
  orgId: row.org_id,
  id: row.id,
  name: row.name,
  description: row.description,
  version: row.version,
  createdBy: row.created_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  lastUsedAt: row.last_used_at,
});
