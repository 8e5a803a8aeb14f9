import type { ApiKeyId, OrganizationId } from '../../../kernel/ids.ts';
import { type SqlValue, statement, type Tx } from '../../../platform/db/index.ts';
import type { Statement } from '../../../platform/db/statement.ts';
import { type KeyTemplate, scopesOfKey } from '../../access/index.ts';
import type { ApiKey } from './model.ts';

type Row = {
  id: string;
  org_id: string;
  name: string;
  prefix: string;
  last_four: string;
  permission_set: KeyTemplate | null;
  scopes: string[];
  created_by: string | null;
  service_account_id: string | null;
  created_at: Date;
  expires_at: Date | null;
  allowed_addresses: string[];
  last_used_at: Date | null;
  last_used_address: string | null;
  previous_expires_at: Date | null;
  frozen_at: Date | null;
  disabled_at: Date | null;
  revoked_at: Date | null;
  version: number;
};
const COLUMNS = `id, org_id, name, prefix, last_four, permission_set, scopes, created_by, service_account_id, created_at,
  expires_at, allowed_addresses, last_used_at, last_used_address, previous_expires_at, frozen_at, disabled_at, revoked_at,
  version`;

const insert = statement<Row>(
  'keys.insert',
  `insert into api_keys (org_id, id, name, hash, prefix, last_four, scopes, created_by, expires_at, is_checksummed,
     permission_set, allowed_addresses, service_account_id)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning ${COLUMNS}`,
);
const byId = statement<Row>('keys.by_id', `select ${COLUMNS} from api_keys where org_id = $1 and id = $2`);
const lock = statement<Row>('keys.lock', `select ${COLUMNS} from api_keys where org_id = $1 and id = $2 for update`);
// The page begins behind a key, not behind a moment: the driver's dates are coarser than the column's.
const AFTER = `($2::uuid is null or
     (created_at, id) < (select last.created_at, last.id from api_keys last where last.org_id = $1 and last.id = $2))`;
const list = statement<Row>(
  'keys.list',
  `select ${COLUMNS} from api_keys where org_id = $1 and ${AFTER} order by created_at desc, id desc limit $3`,
);
const listMadeBy = statement<Row>(
  'keys.list_made_by',
  `select ${COLUMNS} from api_keys where org_id = $1 and created_by = $4 and ${AFTER}
   order by created_at desc, id desc limit $3`,
);
const update = statement<Row>(
  'keys.update',
  `update api_keys set name = $3, scopes = $4, permission_set = $5, expires_at = $6, allowed_addresses = $7,
     version = version + 1
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const revoke = statement<Row>(
  'keys.revoke',
  `update api_keys set revoked_at = coalesce(revoked_at, now()),
     version = version + case when revoked_at is null then 1 else 0 end
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const disable = statement<Row>(
  'keys.disable',
  `update api_keys set disabled_at = coalesce(disabled_at, now()),
     version = version + case when disabled_at is null then 1 else 0 end
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const enable = statement<Row>(
  'keys.enable',
  `update api_keys set disabled_at = null, version = version + case when disabled_at is null then 0 else 1 end
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
// The secret that is replaced goes on for a while; the one before it, if any, ends here.
const rotate = statement<Row>(
  'keys.rotate',
  `update api_keys set hash = $3, prefix = $4, last_four = $5, is_checksummed = true,
     previous_hash = case when $6 > 0 then hash end,
     previous_expires_at = case when $6 > 0 then now() + make_interval(secs => $6) end,
     previous_is_checksummed = is_checksummed, version = version + 1
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);

export type NewKey = Pick<
  ApiKey,
  'id' | 'orgId' | 'name' | 'prefix' | 'lastFour' | 'template' | 'scopes' | 'createdBy' | 'expiresAt'
> &
  Partial<Pick<ApiKey, 'allowedAddresses' | 'serviceAccountId'>> & {
    hash: Buffer;
    isChecksummed: boolean;
  };

export async function insertKey(tx: Tx, key: NewKey): Promise<ApiKey> {
  const [row] = await tx.query(insert, [
    key.orgId,
    key.id,
    key.name,
    key.hash,
    key.prefix,
    key.lastFour,
    key.scopes,
    key.createdBy,
    key.expiresAt,
    key.isChecksummed,
    key.template,
    key.allowedAddresses ?? [],
    key.serviceAccountId ?? null,
  ]);
  return toKey(row as Row);
}

const one = async (tx: Tx, of: Statement<Row>, values: readonly SqlValue[]): Promise<ApiKey | null> => {
  const [row] = await tx.query(of, values);
  return row ? toKey(row) : null;
};

export const findKey = (tx: Tx, orgId: OrganizationId, id: string): Promise<ApiKey | null> =>
  one(tx, byId, [orgId, id]);

/** Finds a key and locks its row until the transaction ends. */
export const lockKey = (tx: Tx, orgId: OrganizationId, id: string): Promise<ApiKey | null> =>
  one(tx, lock, [orgId, id]);

export type KeyPage = {
  after: string | null;
  limit: number /** Only the keys of this maker. */;
  madeBy: string | null;
};

/** Keys of an organization, newest first, after the key of the given id; none after a key that is not there. */
export async function listKeys(tx: Tx, orgId: OrganizationId, { after, limit, madeBy }: KeyPage): Promise<ApiKey[]> {
  const rows =
    madeBy === null
      ? await tx.query(list, [orgId, after, limit])
      : await tx.query(listMadeBy, [orgId, after, limit, madeBy]);
  return rows.map(toKey);
}

export type KeyChange = Pick<ApiKey, 'name' | 'scopes' | 'template' | 'expiresAt' | 'allowedAddresses'>;

export const updateKey = (tx: Tx, { orgId, id }: ApiKey, to: KeyChange): Promise<ApiKey | null> =>
  one(tx, update, [orgId, id, to.name, to.scopes, to.template, to.expiresAt, to.allowedAddresses]);

export const revokeKey = (tx: Tx, { orgId, id }: ApiKey): Promise<ApiKey | null> => one(tx, revoke, [orgId, id]);

export const disableKey = (tx: Tx, { orgId, id }: ApiKey): Promise<ApiKey | null> => one(tx, disable, [orgId, id]);

export const enableKey = (tx: Tx, { orgId, id }: ApiKey): Promise<ApiKey | null> => one(tx, enable, [orgId, id]);

export type NewSecret = { hash: Buffer; prefix: string; lastFour: string; overlapSeconds: number };

/** Gives a key a new secret; the one it had works for the overlap. */
export const rotateKey = (tx: Tx, { orgId, id }: ApiKey, to: NewSecret): Promise<ApiKey | null> =>
  one(tx, rotate, [orgId, id, to.hash, to.prefix, to.lastFour, to.overlapSeconds]);

function toKey(row: Row): ApiKey {
  return {
    id: row.id as ApiKeyId,
    orgId: row.org_id as OrganizationId,
    name: row.name,
    prefix: row.prefix,
    lastFour: row.last_four,
    template: row.permission_set,
    scopes: scopesOfKey(row.permission_set, row.scopes),
    createdBy: row.created_by,
    serviceAccountId: row.service_account_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    allowedAddresses: row.allowed_addresses,
    lastUsedAt: row.last_used_at,
    lastUsedAddress: row.last_used_address,
    previousExpiresAt: row.previous_expires_at,
    frozenAt: row.frozen_at,
    disabledAt: row.disabled_at,
    revokedAt: row.revoked_at,
    version: row.version,
  };
}
