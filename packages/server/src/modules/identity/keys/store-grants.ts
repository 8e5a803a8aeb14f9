import type { OrganizationId } from '../../../kernel/ids.ts';
import type { MemberRole, Posture } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { type KeyTemplate, scopesOfKey, scopesOfMember, scopesWithin } from '../../access/index.ts';

/*
 * What bounds a key: the service account that it acts for, else the person who made it, by their membership of today.
 * A service account that is disabled takes its keys with it; of a person who is, the organization keeps them.
 * When that person leaves, the key is frozen: it keeps what they could do at that moment and follows nobody any more.
 * A key whose bound is gone though it was never frozen (made while its maker was being removed) is dead, not unbounded.
 */

const BOUND = 'coalesce(k.service_account_id, k.created_by)';
const GRANT = `select k.id, k.org_id, k.permission_set, k.scopes, k.allowed_addresses, k.frozen_at is not null as is_frozen,
     case when k.frozen_at is null then ${BOUND} end as bound_by, coalesce(k.frozen_role, m.role) as role,
     m.user_id is not null and (k.service_account_id is null or u.disabled_at is null) as is_bound_alive, c.scopes as custom_scopes, c.name as custom_role,
     o.posture, o.trial_ends_at,
     exists (select 1 from platform_grants g where g.principal_kind = 'api_key' and g.principal_id = k.id) as is_platform_admin`;
const JOINED = `from api_keys k
   join organizations o on o.id = k.org_id
   left join memberships m on m.org_id = k.org_id and m.user_id = ${BOUND} and k.frozen_at is null
   left join users u on u.id = m.user_id
   left join custom_roles c on c.org_id = m.org_id and c.id = m.custom_role_id`;
const FROM = `${JOINED}
   where k.revoked_at is null and k.disabled_at is null and o.deleted_at is null
     and (k.expires_at is null or k.expires_at > now())`;

// The secret before a rotation counts as the key until its time is over.
const byHash = statement<GrantRow>(
  'keys.grant',
  `${GRANT}, least(k.expires_at, case when k.hash <> $1 then k.previous_expires_at end) as expires_at
   ${FROM} and (k.hash = $1 or (k.previous_hash = $1 and k.previous_expires_at > now()))`,
);
const byId = statement<GrantRow>('keys.grant_by_id', `${GRANT}, k.expires_at ${FROM} and k.org_id = $1 and k.id = $2`);
// Also of a key that is disabled or has expired: what it would hold if it were let work again.
const reach = statement<GrantRow>('keys.reach', `${GRANT}, k.expires_at ${JOINED} where k.org_id = $1 and k.id = $2`);
const unchecksummed = statement<{ hash: Buffer }>(
  'keys.unchecksummed',
  `select hash from api_keys where not is_checksummed
   union all select previous_hash from api_keys where not previous_is_checksummed and previous_expires_at > now()
   limit 100`,
);
const boundBy = statement<{ id: string; permission_set: KeyTemplate | null; scopes: string[] }>(
  'keys.bound_by',
  `select k.id, k.permission_set, k.scopes from api_keys k
   where k.org_id = $1 and ${BOUND} = $2 and k.frozen_at is null and k.revoked_at is null for update`,
);
const freeze = statement(
  'keys.freeze',
  `update api_keys set scopes = $3, permission_set = null, frozen_at = now(), frozen_role = $4, version = version + 1
   where org_id = $1 and id = $2`,
);
const revokeBoundBy = statement<{ id: string }>(
  'keys.revoke_bound_by',
  `update api_keys k set revoked_at = now(), version = version + 1
   where k.org_id = $1 and ${BOUND} = $2 and k.frozen_at is null and k.revoked_at is null returning k.id`,
);

const serviceAccount = statement<{ role: MemberRole; custom_scopes: string[] | null }>(
  'keys.service_account',
  `select m.role, c.scopes as custom_scopes from memberships m
   join users u on u.id = m.user_id and u.kind = 'service' and u.disabled_at is null
   left join custom_roles c on c.org_id = m.org_id and c.id = m.custom_role_id
   where m.org_id = $1 and m.user_id = $2`,
);

type GrantRow = {
  id: string;
  org_id: string;
  permission_set: KeyTemplate | null;
  scopes: string[];
  allowed_addresses: string[];
  is_frozen: boolean;
  bound_by: string | null;
  role: MemberRole | null;
  is_bound_alive: boolean;
  custom_scopes: string[] | null;
  custom_role: string | null;
  posture: Posture;
  trial_ends_at: Date | null;
  expires_at: Date | null;
  is_platform_admin: boolean;
};

/** A living key, with what bounds it now. */
export type KeyGrant = {
  id: string;
  orgId: OrganizationId;
  template: KeyTemplate | null;
  /** Already cut to what bounds it. */
  scopes: ReadonlySet<string>;
  /** The person or service account that bounds it; null for a key that nobody bounds any more. */
  userId: string | null;
  /** The role of whoever bounds it; of a frozen key, the one that its maker had. */
  role: MemberRole | null;
  /** The custom role of whoever bounds it. */
  customRole: string | null;
  allowedAddresses: readonly string[];
  expiresAt: Date | null;
  posture: Posture;
  trialEndsAt: Date | null;
  isPlatformAdmin: boolean;
};

/** What the key with this secret grants now, over all organizations; null when there is none or it is dead. */
export async function findKeyGrant(tx: Tx, hash: Buffer): Promise<KeyGrant | null> {
  return toGrant((await tx.query(byHash, [hash]))[0]);
}

/** What a key of an organization grants now; null when there is none or it is dead. */
export async function findKeyGrantById(tx: Tx, orgId: string, id: string): Promise<KeyGrant | null> {
  return toGrant((await tx.query(byId, [orgId, id]))[0]);
}

/** What a key reaches, or would reach if it worked: its scopes within today's bounds, and whether it governs the installation. */
export async function findKeyReach(
  tx: Tx,
  orgId: string,
  id: string,
): Promise<{ scopes: ReadonlySet<string>; isPlatformAdmin: boolean } | null> {
  const [row] = await tx.query(reach, [orgId, id]);
  if (!row) return null;
  return toGrant(row) ?? { scopes: new Set(), isPlatformAdmin: row.is_platform_admin };
}

/** Hashes of the few keys that came from configuration without our checksum. */
export async function listUnchecksummedHashes(tx: Tx): Promise<Buffer[]> {
  return (await tx.query(unchecksummed, [])).map(({ hash }) => hash);
}

/** A key that somebody bounds, as it was given. */
export type BoundKey = { id: string; template: KeyTemplate | null; scopes: readonly string[] };

/** The keys that a person or service account bounds, locked until the transaction ends. */
export async function lockKeysBoundBy(tx: Tx, orgId: string, userId: string): Promise<BoundKey[]> {
  const rows = await tx.query(boundBy, [orgId, userId]);
  return rows.map(({ id, permission_set, scopes }) => ({ id, template: permission_set, scopes }));
}

/** Makes the scopes of a key final. */
export function freezeKey(
  tx: Tx,
  of: { orgId: string; id: string; scopes: readonly string[]; role: MemberRole },
): void {
  tx.defer(freeze, [of.orgId, of.id, of.scopes, of.role]);
}

/** Revokes the keys that a person or service account bounds; gives their ids. */
export async function revokeKeysBoundBy(tx: Tx, orgId: string, userId: string): Promise<string[]> {
  return (await tx.query(revokeBoundBy, [orgId, userId])).map(({ id }) => id);
}

/** What a service account of the organization may do; null when there is none, or it is disabled. */
export async function scopesOfServiceAccount(tx: Tx, orgId: string, id: string): Promise<ReadonlySet<string> | null> {
  const [row] = await tx.query(serviceAccount, [orgId, id]);
  return row ? scopesOfMember(row.role, row.custom_scopes) : null;
}

function toGrant(row: GrantRow | undefined): KeyGrant | null {
  if (!row || (row.bound_by !== null && !row.is_bound_alive)) return null;
  const asked = scopesOfKey(row.permission_set, row.scopes);
  const bound = row.bound_by === null || row.role === null ? null : scopesOfMember(row.role, row.custom_scopes);
  return {
    id: row.id,
    orgId: row.org_id as OrganizationId,
    template: row.permission_set,
    scopes: bound === null ? new Set(asked) : scopesWithin(asked, bound),
    userId: row.bound_by,
    role: row.role,
    customRole: row.custom_role,
    allowedAddresses: row.allowed_addresses,
    expiresAt: row.expires_at,
    posture: row.posture,
    trialEndsAt: row.trial_ends_at,
    isPlatformAdmin: row.is_platform_admin,
  };
}
