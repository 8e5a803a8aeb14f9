import type { ApiKeyId, OrganizationId } from '../../../kernel/ids.ts';
import type { MemberRole, Posture } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
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
  created_at: Date;
  expires_at: Date | null;
  disabled_at: Date | null;
  revoked_at: Date | null;
};
const COLUMNS =
  'id, org_id, name, prefix, last_four, permission_set, scopes, created_by, created_at, expires_at, disabled_at, revoked_at';

const insert = statement<Row>(
  'keys.insert',
  `insert into api_keys (org_id, id, name, hash, prefix, last_four, scopes, created_by, expires_at, is_checksummed,
     permission_set)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning ${COLUMNS}`,
);
const byId = statement<Row>('keys.by_id', `select ${COLUMNS} from api_keys where org_id = $1 and id = $2`);
// The page begins behind a key, not behind a moment: the driver's dates are coarser than the column's.
const list = statement<Row>(
  'keys.list',
  `select ${COLUMNS} from api_keys
   where org_id = $1 and (
     $2::uuid is null or
     (created_at, id) < (select last.created_at, last.id from api_keys last where last.org_id = $1 and last.id = $2))
   order by created_at desc, id desc limit $3`,
);
const revoke = statement<Row>(
  'keys.revoke',
  `update api_keys set revoked_at = coalesce(revoked_at, now()) where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
// The grant behind a key: alive, with what bounds it now. A creator who has left bounds nothing; the key belongs to the organization.
const grant = statement<GrantRow>(
  'keys.grant',
  `select k.id, k.org_id, k.permission_set, k.scopes, k.created_by, k.expires_at, m.role, c.scopes as custom_scopes,
     o.posture, o.trial_ends_at,
     exists (select 1 from platform_grants g where g.principal_kind = 'api_key' and g.principal_id = k.id) as is_platform_admin
   from api_keys k
   join organizations o on o.id = k.org_id
   left join memberships m on m.org_id = k.org_id and m.user_id = k.created_by
   left join custom_roles c on c.org_id = m.org_id and c.id = m.custom_role_id
   where k.hash = $1 and k.revoked_at is null and k.disabled_at is null and o.deleted_at is null
     and (k.expires_at is null or k.expires_at > now())`,
);
const unchecksummed = statement<{ hash: Buffer }>(
  'keys.unchecksummed',
  'select hash from api_keys where not is_checksummed limit 100',
);

type GrantRow = {
  id: string;
  org_id: string;
  permission_set: KeyTemplate | null;
  scopes: string[];
  created_by: string | null;
  expires_at: Date | null;
  role: MemberRole | null;
  custom_scopes: string[] | null;
  posture: Posture;
  trial_ends_at: Date | null;
  is_platform_admin: boolean;
};

/** A living key, with what bounds it now. `role` and `customScopes` are its creator's; null once that one has left. */
export type KeyGrant = {
  id: string;
  orgId: OrganizationId;
  template: KeyTemplate | null;
  scopes: readonly string[];
  userId: string | null;
  expiresAt: Date | null;
  role: MemberRole | null;
  customScopes: readonly string[] | null;
  posture: Posture;
  trialEndsAt: Date | null;
  isPlatformAdmin: boolean;
};

export type NewKey = Pick<
  ApiKey,
  'id' | 'orgId' | 'name' | 'prefix' | 'lastFour' | 'template' | 'scopes' | 'createdBy' | 'expiresAt'
> & {
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
  ]);
  return toKey(row as Row);
}

export async function findKey(tx: Tx, orgId: OrganizationId, id: string): Promise<ApiKey | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toKey(row) : null;
}

/** Keys of an organization, newest first, after the key of the given id; none after a key that is not there. */
export async function listKeys(tx: Tx, orgId: OrganizationId, after: string | null, limit: number): Promise<ApiKey[]> {
  return (await tx.query(list, [orgId, after, limit])).map(toKey);
}

export async function revokeKey(tx: Tx, orgId: OrganizationId, id: string): Promise<ApiKey | null> {
  const [row] = await tx.query(revoke, [orgId, id]);
  return row ? toKey(row) : null;
}

/** What the key with this hash grants now, over all organizations; null when there is none or it is dead. */
export async function findKeyGrant(tx: Tx, hash: Buffer): Promise<KeyGrant | null> {
  const [row] = await tx.query(grant, [hash]);
  if (!row) return null;
  return {
    id: row.id,
    orgId: row.org_id as OrganizationId,
    template: row.permission_set,
    scopes: row.scopes,
    userId: row.created_by,
    expiresAt: row.expires_at,
    role: row.role,
    customScopes: row.custom_scopes,
    posture: row.posture,
    trialEndsAt: row.trial_ends_at,
    isPlatformAdmin: row.is_platform_admin,
  };
}

/** Hashes of the few keys that came from configuration without our checksum. */
export async function listUnchecksummedHashes(tx: Tx): Promise<Buffer[]> {
  return (await tx.query(unchecksummed, [])).map(({ hash }) => hash);
}

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
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    disabledAt: row.disabled_at,
    revokedAt: row.revoked_at,
  };
}
