import { statement, type Tx } from '../../../platform/db/index.ts';
import type { ProviderKind } from '../upstream/endpoints.ts';
import type { KeyColumns } from './keys.ts';
import type { Provider } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  display_name: string;
  kind: ProviderKind;
  base_url: string | null;
  key_hint: string | null;
  credential_id: string | null;
  secret: string | null;
  default_model: string | null;
  models: Provider['models'];
  config: Provider['config'];
  version: number;
  created_at: Date;
  updated_at: Date;
  archived_at: Date | null;
};
type SealedKey = NonNullable<KeyColumns['sealed']>;
const COLUMNS = `org_id, id, name, display_name, kind, base_url, key_hint, credential_id, secret, default_model, models, config,
  version, created_at, updated_at, archived_at`;

const insert = statement<Row>(
  'providers.insert',
  `insert into providers (org_id, id, name, display_name, kind, base_url, default_model, models, config, created_by,
     key_version, sealed_key, key_hint, credential_id, secret)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning ${COLUMNS}`,
);
const all = statement<Row>('providers.all', `select ${COLUMNS} from providers where org_id = $1 order by name`);
const byId = statement<Row>('providers.by_id', `select ${COLUMNS} from providers where org_id = $1 and id = $2`);
const lock = statement<Row>(
  'providers.lock',
  `select ${COLUMNS} from providers where org_id = $1 and id = $2 for update`,
);
const update = statement<Row>(
  'providers.update',
  `update providers set display_name = $3, base_url = $4, default_model = $5, models = $6, config = $7, archived_at = $8,
     version = version + 1, updated_at = now()
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const setKey = statement(
  'providers.set_key',
  `update providers set key_version = $3, sealed_key = $4, key_hint = $5, credential_id = $6, secret = $7
   where org_id = $1 and id = $2`,
);
const remove = statement('providers.delete', 'delete from providers where org_id = $1 and id = $2');
const sealedKey = statement<{ key_version: number; sealed_key: Buffer }>(
  'providers.sealed_key',
  'select key_version, sealed_key from providers where org_id = $1 and id = $2 and sealed_key is not null',
);
const keysToReseal = statement<{ id: string; key_version: number; sealed_key: Buffer }>(
  'providers.to_reseal',
  `select id, key_version, sealed_key from providers
   where org_id = $1 and key_version < $2 limit $3 for update skip locked`,
);
const reseal = statement(
  'providers.reseal',
  'update providers set key_version = $3, sealed_key = $4 where org_id = $1 and id = $2',
);

export async function insertProvider(
  tx: Tx,
  of: Pick<
    Provider,
    'orgId' | 'id' | 'name' | 'displayName' | 'kind' | 'baseUrl' | 'defaultModel' | 'models' | 'config'
  >,
  { key, createdBy }: { key: KeyColumns; createdBy: string | null },
): Promise<Provider> {
  const [row] = await tx.query(insert, [
    of.orgId,
    of.id,
    of.name,
    of.displayName,
    of.kind,
    of.baseUrl,
    of.defaultModel,
    JSON.stringify(of.models),
    JSON.stringify(of.config),
    createdBy,
    ...valuesOf(key),
  ]);
  return toProvider(row as Row);
}

/** The organization's providers by name, archived ones too: there are few. */
export const listProviders = async (tx: Tx, orgId: string): Promise<Provider[]> =>
  (await tx.query(all, [orgId])).map(toProvider);

export async function findProvider(tx: Tx, orgId: string, id: string): Promise<Provider | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toProvider(row) : null;
}

/** Finds a provider and locks its row until the transaction ends. */
export async function lockProvider(tx: Tx, orgId: string, id: string): Promise<Provider | null> {
  const [row] = await tx.query(lock, [orgId, id]);
  return row ? toProvider(row) : null;
}

export async function updateProvider(tx: Tx, of: Provider): Promise<Provider> {
  const values = [of.displayName, of.baseUrl, of.defaultModel, JSON.stringify(of.models), JSON.stringify(of.config)];
  const [row] = await tx.query(update, [of.orgId, of.id, ...values, of.archivedAt]);
  return toProvider(row as Row);
}

export function setProviderKey(tx: Tx, { orgId, id }: Pick<Provider, 'orgId' | 'id'>, key: KeyColumns): void {
  tx.defer(setKey, [orgId, id, ...valuesOf(key)]);
}

const valuesOf = ({ sealed, hint, credentialId, secret }: KeyColumns) => [
  sealed?.keyVersion ?? null,
  sealed?.bytes ?? null,
  hint,
  credentialId,
  secret,
];

export async function deleteProvider(tx: Tx, { orgId, id }: Pick<Provider, 'orgId' | 'id'>): Promise<void> {
  await tx.query(remove, [orgId, id]);
}

export async function findSealedKey(tx: Tx, orgId: string, id: string): Promise<SealedKey | null> {
  const [row] = await tx.query(sealedKey, [orgId, id]);
  return row ? { keyVersion: row.key_version, bytes: row.sealed_key } : null;
}

/** Keys that are sealed with older data keys than this, locked. */
export async function lockKeysBefore(
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<{ id: string; sealed: SealedKey }[]> {
  const rows = await tx.query(keysToReseal, [orgId, keyVersion, limit]);
  return rows.map((row) => ({ id: row.id, sealed: { keyVersion: row.key_version, bytes: row.sealed_key } }));
}

export function replaceSealedKey(tx: Tx, orgId: string, { id, sealed }: { id: string; sealed: SealedKey }): void {
  tx.defer(reseal, [orgId, id, sealed.keyVersion, sealed.bytes]);
}

const toProvider = (row: Row): Provider => ({
  orgId: row.org_id,
  id: row.id,
  name: row.name,
  displayName: row.display_name,
  kind: row.kind,
  baseUrl: row.base_url,
  keyHint: row.key_hint,
  credentialId: row.credential_id,
  secret: row.secret,
  defaultModel: row.default_model,
  models: row.models,
  config: row.config,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  archivedAt: row.archived_at,
});
